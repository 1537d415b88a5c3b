"""The service as it is deployed: gunicorn and its worker processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import psutil

from dev.ports import free_port
from dev.waiting import wait_until

CHECKOUT = Path(__file__).parent.parent.parent


class Service:
    """`gunicorn wsgi:app` with these settings, for the length of a `with` block."""

    def __init__(
        self,
        settings: Path,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        patience: float = 90,
    ):
        self.settings = settings
        self.patience = patience
        self.access_log = folder / "access.log"
        self.error_log = folder / "error.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        metrics = folder / "metrics"
        metrics.mkdir()
        defaults = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        self.environment = os.environ | (defaults if environment is None else environment)

    def __enter__(self) -> Self:
        with self.access_log.open("ab") as out, self.error_log.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "wsgi:app"],
                cwd=CHECKOUT,
                env=self.environment | {"REFERRAL_SETTINGS": str(self.settings)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Ctrl-C is for the tests, which then stop it.
                start_new_session=True,
            )
        try:
            wait_until(self._answers, "answer from gunicorn", self.patience)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Let it end as `systemctl stop` would; gives its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            for process in [*psutil.Process(self.process.pid).children(), self.process]:
                process.kill()
            self.process.wait()
            raise

    def workers(self) -> set[int]:
        """The processes that serve."""
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def clients(self) -> set[tuple[str, int]]:
        """The other ends of the connections that it has taken in and not ended."""
        found = []
        for worker in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                found += worker.net_connections("tcp")
        return {each.raddr for each in found if each.raddr and each.laddr.port == self.port}

    def replace_workers(self) -> None:
        """Reload, and wait until all workers are others than before."""
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self._has_others_than(before), "new workers")

    def logged(self) -> str:
        """Everything it has written so far."""
        return self.access_log.read_text() + self.error_log.read_text()

    def _has_others_than(self, before: set[int]) -> bool:
        workers = self.workers()
        return len(workers) == len(before) and not workers & before

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise ChildProcessError(self.error_log.read_text())
        return answers(self.url)


def answers(url: str) -> bool:
    """Tell whether somebody serves there."""
    try:
        return httpx.get(f"{url}/healthz", trust_env=False, verify=False).is_success
    except httpx.TransportError:
        return False


def connections_to(url: str) -> httpx.Client:
    """A client that may be shared by threads, and opens a connection for every request."""
    return httpx.Client(base_url=url, timeout=30, transport=_OneEach(), trust_env=False)


class _OneEach(httpx.BaseTransport):
    """Not a pool that is told to keep none: it closes what another thread has just been given."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with httpx.HTTPTransport(verify=False, trust_env=False) as transport:
            response = transport.handle_request(request)
            content = httpx.ByteStream(b"".join(response.iter_raw()))
        return httpx.Response(response.status_code, headers=response.headers, stream=content)
