"""The parts of `make run`, handed to the supervisor."""

import contextlib
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from dev import leftovers
from dev.account import server_account
from dev.data import CHECKOUT
from dev.postgres import Postgres
from dev.settings import write_settings
from dev.valkey import Valkey

CONFIGURATION = Path(__file__).with_name("supervisord.conf")


def prepare(data: Path, port: int) -> dict[str, str]:
    """Make what the parts need and give the environment they start in."""
    postgres, valkey = Postgres(data / "postgres"), Valkey(data / "valkey")
    postgres.prepare()
    valkey.prepare()
    settings = write_settings(
        data,
        database=postgres.url(),
        cache=valkey.url(0),
        broker=valkey.url(1),
        public_url=f"http://127.0.0.1:{port}",
        MAILBOX=str(data / "mailbox"),
    )
    after_web = [sys.executable, "-m", "dev.after_web", "-q", "-A", "app.celery"]
    return os.environ | {
        leftovers.MARK: str(data),
        "CHECKOUT": str(CHECKOUT),
        "PORT": str(port),
        "POSTGRES": shlex.join(postgres.command()),
        "POSTGRES_ACCOUNT": server_account().pw_name,
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
        "REFERRAL_SETTINGS": str(settings),
        "VALKEY": shlex.join(valkey.command()),
        # There is one worker, which has nobody to talk to.
        "WORKER": shlex.join([*after_web, "worker", "--without-gossip", "--without-mingle"]),
        "BEAT": shlex.join([*after_web, "beat"]),
        "WEB": shlex.join([sys.executable, "-m", "dev.web"]),
    }


def start(
    data: Path, environment: dict[str, str], log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start the supervisor, which starts the parts.

    :param log: takes what they say, which by default is passed on to our own output.
    """
    supervisor = subprocess.Popen(
        [sys.executable, "-m", leftovers.SUPERVISOR, "-c", str(CONFIGURATION)],
        cwd=data,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log or subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Ctrl-C and a closed terminal are for the launcher, which then ends all of it in order.
        start_new_session=True,
    )
    if supervisor.stdout:
        threading.Thread(target=_relay, args=(supervisor.stdout,)).start()
    return supervisor


def _relay(output: Iterable[bytes]) -> None:
    # Reads on when nobody listens any more: the supervisor would wait for it otherwise.
    for line in output:
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
