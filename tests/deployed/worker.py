"""Celery as it is deployed: the worker, beat, and Flower to look at them."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx
import psutil

from dev.processes import end, kill
from tests.deployed.service import CHECKOUT, Service


class Part:
    """`celery -A app.celery <command>` beside a service, for the length of a `with` block."""

    def __init__(self, service: Service, folder: Path, *command: str, **environment: str):
        self.log = folder / f"{command[0]}.log"
        self._command = command
        # So that it counts where the service looks for it.
        settings = {"REFERRAL_SETTINGS": str(service.settings)}
        self._environment = service.environment | settings | environment

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        first, rest = self.processes()[:1], self.processes()[1:]
        end(first, signal.SIGTERM, seconds=10)
        kill(rest)
        self._process.wait()

    def start(self) -> None:
        """Start it and do not wait: what it is called for meanwhile, it does once it is up."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-q", "-A", "app.celery", *self._command],
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop it.
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it without warning, whatever it has started too."""
        kill(self.processes())
        self._process.wait()

    def kill_children(self) -> None:
        """End only the processes that do the work."""
        kill(self.processes()[1:])

    def runs(self) -> bool:
        """Tell whether it has not ended."""
        return bool(self.processes())

    def logged(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text()

    def processes(self) -> list[psutil.Process]:
        """The first and those that it has started."""
        if self._process.poll() is not None:
            return []
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]


def worker(service: Service, folder: Path, *options: str) -> Part:
    # Tells of every call, as a careless deployment would have it.
    return Part(service, folder, "worker", "--loglevel=INFO", *options)


def beat(service: Service, folder: Path) -> Part:
    return Part(service, folder, "beat", "--loglevel=INFO")


def flower(service: Service, folder: Path, port: int) -> Part:
    address = ("--address=127.0.0.1", f"--port={port}")
    return Part(service, folder, "flower", *address, FLOWER_UNAUTHENTICATED_API="true")


def seen_by_flower(port: int) -> list[str]:
    """The workers that Flower lists."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/workers?refresh=1", trust_env=False)
    except httpx.TransportError:
        return []
    return list(answer.raise_for_status().json())
