"""What is measured: the service as it is deployed, and a bare application on the same gunicorn."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from app.settings import LIMITS
from bench.bare import FOLDER
from dev.ports import free_port
from dev.postgres import Postgres
from dev.running import Running
from dev.settings import write_settings
from dev.valkey import Valkey

CHECKOUT = Path(__file__).parent.parent
# All load comes from one network address.
GENEROUS = dict.fromkeys(LIMITS, "1000000 per minute")
# So that no token runs out while it is measured.
TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Backends:
    """PostgreSQL and Valkey, as `make run` starts them."""

    postgres: Running[Postgres]
    valkey: Running[Valkey]


@dataclass(frozen=True)
class Gunicorn:
    """A service that is up: where it answers, and the processes that serve."""

    url: str
    workers: list[psutil.Process]

    @property
    def worker(self) -> psutil.Process:
        """The one worker."""
        (worker,) = self.workers
        return worker


class GunicornServer:
    """gunicorn with the project's own configuration, and its log in a file."""

    def __init__(
        self, folder: Path, application: str, workers: int, environment: dict[str, str]
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self._application = application
        own = {"WEB_CONCURRENCY": str(workers), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
        self.popen_options = {"env": os.environ | own | environment}

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir()

    def command(self) -> list[str]:
        """Give the command that runs gunicorn in the foreground."""
        configuration = ["--config", str(CHECKOUT / "gunicorn.conf.py"), "--chdir", str(CHECKOUT)]
        bind = ["--bind", f"127.0.0.1:{self.port}"]
        return [sys.executable, "-m", "gunicorn", *configuration, *bind, self._application]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Tell whether anything is answered."""
        try:
            httpx.get(self.url, trust_env=False)
        except httpx.TransportError:
            return False
        return True


def cache_number(number: int) -> int:
    """Which of Valkey's databases the copies of this deployment are in; its queue is the next."""
    return 2 * number


@contextmanager
def backends(folder: Path) -> Iterator[Backends]:
    """PostgreSQL and Valkey for the length of the block."""
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    with Running(postgres) as running, Running(valkey) as cache:
        yield Backends(running, cache)


def settings_for(folder: Path, database: str, valkey: Valkey, number: int) -> Path:
    """The settings of a deployment with this database; the limits are raised, not switched off."""
    folder.mkdir()
    return write_settings(
        folder,
        DEVELOPMENT=False,
        database=database,
        cache=valkey.url(cache_number(number)),
        broker=valkey.url(cache_number(number) + 1),
        public_url="https://referral.example.com",
        JWT_ACCESS_TOKEN_EXPIRES=TOKEN_SECONDS,
        **GENEROUS,
    )


@contextmanager
def service(folder: Path, settings: Path, workers: int = 1) -> Iterator[Gunicorn]:
    """`gunicorn wsgi:app` with these settings for the length of the block."""
    environment = {"REFERRAL_SETTINGS": str(settings)}
    with _running(GunicornServer(folder, "wsgi:app", workers, environment)) as running:
        yield running


@contextmanager
def bare(folder: Path, settings: Path, answers: Path, workers: int = 1) -> Iterator[Gunicorn]:
    """The bare application for the length of the block; its gunicorn wants settings as well."""
    environment = {"REFERRAL_SETTINGS": str(settings), FOLDER: str(answers)}
    application = "bench.bare:create_app()"
    with _running(GunicornServer(folder, application, workers, environment)) as running:
        yield running


@contextmanager
def _running(server: GunicornServer) -> Iterator[Gunicorn]:
    with Running(server) as running:
        yield Gunicorn(server.url, psutil.Process(running.pid).children())
