"""Holding the service up in the middle of a request, to look around meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from sqlalchemy import Connection, Engine, event

from dev.statements import watched

SECONDS = 10
# How many wait for what another transaction has locked.
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""

Ask = Callable[[], Any]


@contextmanager
def held_at_commit(engine: Engine, ask: Ask) -> Iterator[Future[Any]]:
    """Ask in the background and hold the service, while the block runs, before it commits."""
    hold = Hold()
    event.listen(engine, "commit", hold.stop)
    try:
        with hold.around(ask) as answer:
            yield answer
    finally:
        event.remove(engine, "commit", hold.stop)


@contextmanager
def held_after(words: str, engine: Engine, ask: Ask) -> Iterator[Future[Any]]:
    """The same once a statement is answered in which these words stand."""
    hold = Hold()

    def answered(statement: str) -> None:
        if words in statement:
            hold.stop()

    with watched(engine, answered=answered), hold.around(ask) as answer:
        yield answer


@contextmanager
def losing_commits(engine: Engine) -> Iterator[None]:
    """While the block runs the service hears nothing of its commits, which are done."""

    def lose(connection: Connection) -> None:
        connection.connection.commit()
        connection.connection.driver_connection.close()

    event.listen(engine, "commit", lose)
    try:
        yield
    finally:
        event.remove(engine, "commit", lose)


class Hold:
    """Stops the first that comes by."""

    def __init__(self) -> None:
        self._reached, self._go_on = Event(), Event()

    def stop(self, *_: object) -> None:
        if not self._reached.is_set():
            self._reached.set()
            self._go_on.wait(SECONDS)

    @contextmanager
    def around(self, ask: Ask) -> Iterator[Future[Any]]:
        with ThreadPoolExecutor(1) as background:
            answer = background.submit(ask)
            try:
                assert self._reached.wait(SECONDS), "nobody comes by"
                yield answer
            finally:
                self._go_on.set()
