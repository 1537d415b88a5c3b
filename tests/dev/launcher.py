"""A launcher under test, as `make run` starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from dev import leftovers
from dev.__main__ import is_ready
from dev.processes import kill, named, wait_until_gone
from dev.waiting import wait_until

# Launching is tested here; what the service's own code does is measured elsewhere.
UNWANTED = ("COVERAGE_", "REFERRAL_")
# A part that dies serves again within.
RECOVERY_SECONDS = 30


class Launcher:
    """Starts `python -m dev` on a checkout, a data folder and a port of its own."""

    def __init__(self, checkout: Path, data: Path, port: int) -> None:
        self.checkout, self.data, self.port = checkout, data, port
        self.url = f"http://127.0.0.1:{port}"

    def spawn(self, *by: str) -> subprocess.Popen[str]:
        """Start it, by this command if there is one, and do not wait."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(UNWANTED)}
        return subprocess.Popen(
            [*by, sys.executable, "-m", "dev"],
            cwd=self.checkout,
            env=environment | {"DATA": str(self.data), "PORT": str(self.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self, *by: str) -> str:
        """Start it and give what it prints until it says where to look."""
        self._process = self.spawn(*by)
        printed = ""
        for line in self._process.stdout or ():
            printed += line
            if "Stop" in line:
                return printed
        raise AssertionError(printed)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end and wait until nothing is left."""
        processes = self.processes()
        self._process.send_signal(number)
        self._wait()
        wait_until_gone(processes, seconds=0)

    def kill(self) -> None:
        """End the launcher and its supervisor without warning; the parts live on."""
        kill(self.processes()[:2])
        self._wait()

    def close(self) -> None:
        """Leave nothing, whatever the test did."""
        kill(self.processes())
        self._wait()
        leftovers.stop_everything(self.data)

    def _wait(self) -> None:
        with self._process:
            self._process.wait(timeout=40)

    def processes(self) -> list[psutil.Process]:
        """The launcher, its supervisor, and what that has started."""
        if self._process.poll() is not None:
            return []
        launcher = psutil.Process(self._process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def part(self, name: str) -> psutil.Process:
        """The first process of a part.

        :raises ChildProcessError: it is not up.
        """
        _, supervisor, *_ = self.processes()
        return named(name, supervisor.children())

    def has_another(self, name: str, old: psutil.Process) -> bool:
        """Tell whether something took the place of a part's process."""
        try:
            return self.part(name) != old
        except ChildProcessError:
            return False

    def is_ready(self) -> bool:
        """Tell whether the service answers."""
        return is_ready(self.port)


def heals(launcher: Launcher, name: str) -> bool:
    """Kill a part and tell whether the service comes back with another in its place."""
    old = launcher.part(name)
    old.kill()
    wait_until(lambda: launcher.has_another(name, old), f"other {name}", RECOVERY_SECONDS)
    wait_until(launcher.is_ready, "answer again", RECOVERY_SECONDS)
    return True
