"""A PostgreSQL of the test's own, which may break."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg2

from dev.postgres import Postgres
from dev.running import Running


class BreakablePostgres:
    """Each way to break it lasts as long as a `with` block."""

    def __init__(self, folder: Path):
        self._postgres = Postgres(folder / "postgres", durable=False)
        self._running = Running(self._postgres)

    @contextmanager
    def started(self) -> Iterator[None]:
        with self._running:
            self.url = self._postgres.url()
            yield

    @contextmanager
    def killed(self) -> Iterator[None]:
        self._running.kill()
        yield
        self._running.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self._running.stop()
        yield
        self._running.start()

    def frozen(self) -> AbstractContextManager[None]:
        return self._running.frozen()

    def run(self, statement: str) -> list[tuple]:
        """Run a statement; gives its rows."""
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


Fault = Callable[[BreakablePostgres], AbstractContextManager[None]]

LOSSES: dict[str, Fault] = {
    "killed": BreakablePostgres.killed,
    "stopped": BreakablePostgres.stopped,
}
