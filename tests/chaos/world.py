"""The service that faults strike: what `make run` starts, with a mail server and its own data."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2

from dev import leftovers, parts
from dev.data import CHECKOUT
from dev.ports import free_port
from dev.processes import named, signal_all
from dev.ready import is_ready
from dev.waiting import wait_until
from tests.conftest import GENEROUS
from tests.mail_server import MailServer

# How often one network address may present a mailed token; all other limits are out of the way.
ALLOWED = 20
SETTINGS = GENEROUS | {"RATELIMIT_MAILED_TOKEN": f"{ALLOWED} per hour", "TRUSTED_PROXIES": 1}

Environment = Mapping[str, str]
Change = Callable[[Environment], Environment]

# By what a part is known among the processes of the supervisor.
PARTS = {
    "postgres": "bin/postgres",
    "valkey": "valkey-server",
    "web": "gunicorn",
    "worker": "app.celery worker",
    "beat": "app.celery beat",
}


class World:
    """Every part, started again by a supervisor if it ends, for the length of a `with` block.

    :param changes: give, from the environment that the supervisor would be started with, the
        variables that are to be others.
    """

    def __init__(self, folder: Path, *changes: Change) -> None:
        self.data = folder / "data"
        self.mails = MailServer()
        self._log = folder / "log"
        self._changes = changes
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.mails)
            starting.callback(leftovers.stop_everything, self.data)
            self._start()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._supervisor.wait()

    def _start(self) -> None:
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        environment = parts.prepare(self.data, self._port) | self._settings()
        for change in self._changes:
            environment |= change(environment)
        self.database = self.setting("SQLALCHEMY_DATABASE_URI")
        with self._log.open("ab") as log:
            self._supervisor = parts.start(self.data, environment, log)
        wait_until(self.is_ready, "answer from /readyz", seconds=60)

    def _settings(self) -> dict[str, str]:
        mail = {"MAILBOX": "", "MAIL_SERVER": "127.0.0.1", "MAIL_USE_TLS": "false"}
        settings = SETTINGS | mail | {"MAIL_PORT": self.mails.port}
        return {f"REFERRAL_{name}": str(value) for name, value in settings.items()}

    def setting(self, name: str) -> str:
        """What the parts were told in their settings file."""
        return str(json.loads((self.data / "settings.json").read_text())[name])

    def is_ready(self) -> bool:
        """Whether the service answers and has all it needs."""
        return is_ready(self._port)

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement, beside the service; gives its rows."""
        with closing(psycopg2.connect(self.database, connect_timeout=5)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def flask(self, *arguments: str) -> bool:
        """Run one of the service's own commands; tells whether it succeeded."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        settings = {"REFERRAL_SETTINGS": str(self.data / "settings.json")}
        with self._log.open("ab") as log:
            run = subprocess.run(
                command, cwd=CHECKOUT, env=os.environ | settings, stdout=log, stderr=log
            )
        return run.returncode == 0

    def part(self, name: str) -> psutil.Process:
        """The first process of a part.

        :raises ChildProcessError: it is not up.
        """
        return named(PARTS[name], psutil.Process(self._supervisor.pid).children())

    def has_part(self, name: str) -> bool:
        """Whether it is up, as far as its process tells."""
        with suppress(ChildProcessError):
            return bool(self.part(name).pid)
        return False

    def processes(self, name: str) -> list[psutil.Process]:
        """All processes of a part, the first of them first."""
        first = self.part(name)
        return [first, *first.children(recursive=True)]

    def kill(self, name: str) -> None:
        """SIGKILL to the first process of a part; the others are left to themselves."""
        self.part(name).kill()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Within this block a part keeps its connections and answers nothing."""
        processes = self.processes(name)
        signal_all(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(processes, signal.SIGCONT)


def with_options(program: str, *options: str) -> Change:
    """Have a program started with further options."""
    return lambda environment: {program: " ".join([environment[program], *options])}


def by_way_of(programs: Mapping[str, str]) -> Change:
    """Have programs started by others: the words before them, by their names."""
    return lambda environment: {
        name: f"{words} {environment[name]}" for name, words in programs.items()
    }
