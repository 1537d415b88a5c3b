"""A PostgreSQL of the test's own, and ways to lose it for the length of a `with` block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from dev.postgres import Postgres
from dev.running import Running
from dev.waiting import wait_until

ITS_CONNECTIONS = "FROM pg_stat_activity WHERE datname = 'postgres'"


class OwnPostgres:
    """A server that starts fast, but keeps what it has committed."""

    def __init__(self, folder: Path):
        self._running = Running(Postgres(folder / "postgres", durable=False))
        self.log = folder / "postgres" / "log"

    @contextmanager
    def started(self) -> Iterator[None]:
        with self._running:
            self.url = self._running.server.url()
            yield

    @contextmanager
    def killed(self) -> Iterator[None]:
        # Brings what was committed to disk, where it would be at once if the server were durable.
        self.run("SELECT pg_switch_wal()")
        self._running.kill()
        try:
            yield
        finally:
            self._running.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self._running.stop()
        try:
            yield
        finally:
            self._running.start()

    def frozen(self) -> AbstractContextManager[None]:
        return self._running.frozen()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As a replica would be that is not the primary yet."""
        self._set_read_only("on")
        try:
            yield
        finally:
            self._set_read_only("off")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """It cuts everybody off and lets nobody in, but takes the time to say so."""
        with closing(psycopg2.connect(self._running.server.url("template1"))) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
            cursor.execute(f"SELECT pg_terminate_backend(pid) {ITS_CONNECTIONS}")
            try:
                yield
            finally:
                cursor.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")

    def _set_read_only(self, value: str) -> None:
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            cursor.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self.run("SHOW default_transaction_read_only") == [(value,)], "reload")

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement; gives its rows."""
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


Loss = Callable[[OwnPostgres], AbstractContextManager[None]]

LOSSES: dict[str, Loss] = {"killed": OwnPostgres.killed, "stopped": OwnPostgres.stopped}
