"""`make run`: everything the service needs on this machine, until Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from dev import leftovers, parts
from dev.data import data_folder, locked
from dev.environment import forget_postgres_client
from dev.ports import is_free
from dev.ready import is_ready
from dev.waiting import wait_until

Supervisor = subprocess.Popen[bytes]

MAKE = os.getppid()
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOGS = ("supervisord.log", "postgres.log", "valkey.log")


def main() -> None:
    """Run it all and clean up, however it ends."""
    stop_on_signals()
    forget_postgres_client()
    port, data = chosen_port(), data_folder()
    with locked(data):
        leftovers.stop_everything(data)
        if not is_free(port):
            sys.exit(f"Port {port} is in use. Choose another one: make run PORT={port + 1}")
        try:
            keep_running(data, port)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"make run: {error}")
        finally:
            leftovers.stop_everything(data)


def stop_on_signals() -> None:
    """Let the signals that ask for an end lead through every `finally`."""
    for number in STOPPING:
        # `nohup` has its way.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(*_: object) -> NoReturn:
    # Ctrl-C twice, or a signal to the process group and to make, is one wish.
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit()


def chosen_port() -> int:
    """Read PORT."""
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        sys.exit(f"PORT is a number from 1 to 65535, not {port!r}")
    return int(port)


def keep_running(data: Path, port: int) -> None:
    """Run the parts until somebody ends this process."""
    environment = parts.prepare(data, port)
    while True:
        supervisor = parts.start(data, environment)
        wait_until_ready(supervisor, data, port)
        announce(data, port)
        while not has_ended(supervisor):
            time.sleep(0.3)
        # The parts of a supervisor that was killed would hold their ports against the next.
        leftovers.stop_everything(data)


def wait_until_ready(supervisor: Supervisor, data: Path, port: int) -> None:
    """Return once the service answers; show the logs and give up when it does not."""
    try:
        wait_until(lambda: has_come_up(supervisor, port), "answer from /readyz", seconds=60)
    except OSError as error:
        for log in LOGS:
            print(f"--- {log}", *tail(data / "logs" / log), sep="\n", file=sys.stderr)
        sys.exit(f"The service does not come up: {error}")


def has_come_up(supervisor: Supervisor, port: int) -> bool:
    """Tell whether the service answers, as long as there is hope."""
    if has_ended(supervisor):
        raise ChildProcessError("the supervisor has ended")
    return is_ready(port)


def has_ended(supervisor: Supervisor) -> bool:
    """Tell whether there is no supervisor any more; end with make if that was killed."""
    if os.getppid() != MAKE:
        sys.exit()
    return supervisor.poll() is not None


def tail(log: Path) -> list[str]:
    """Give the last lines of a log."""
    return log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []


def announce(data: Path, port: int) -> None:
    """Say where to look and how to end it."""
    address = f"http://127.0.0.1:{port}"
    print(f"\n  Data     {data}\n  Stop     Ctrl-C\n  Mailbox  {address}/mailbox")
    print(f"  Swagger  {address}/swagger\n", flush=True)


if __name__ == "__main__":
    main()
