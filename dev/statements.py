"""Watching what the service says to PostgreSQL, whichever way it takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor
from sqlalchemy import Engine, event


def _ignore(*_: Any) -> None:
    pass


@contextmanager
def watched(
    engine: Engine,
    sent: Callable[[cursor, Any, Any], None] = _ignore,
    answered: Callable[[Any], None] = _ignore,
) -> Iterator[dict[str, str]]:
    """Tell of each statement while the block runs; gives those that are prepared, by their names.

    :param sent: is told of a statement and its parameters before it is sent, not of a preparation.
    :param answered: is told of a statement once it is answered, in full if it was prepared.
    """
    prepared: dict[str, str] = {}
    preparations: set[tuple[Any, str]] = set()

    class Watched(cursor):
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002
            verb, _, rest = query.partition(" ")
            if verb == "PREPARE":
                name, _, text = rest.partition(" AS ")
                # To do so once more would cost every request a round trip.
                assert (self.connection, name) not in preparations, f"{name} is there already"
                preparations.add((self.connection, name))
                prepared[name] = text
                super().execute(query)
                return
            sent(self, query, vars)
            super().execute(query, vars)
            answered(prepared[rest.partition(" ")[0]] if verb == "EXECUTE" else query)

    def lend(connection: Any, *_: Any) -> None:
        connection.cursor_factory = Watched

    def give_back(connection: Any, *_: Any) -> None:
        if connection is not None:
            connection.cursor_factory = None

    # So that all is prepared anew.
    engine.dispose()
    event.listen(engine.pool, "checkout", lend)
    event.listen(engine.pool, "checkin", give_back)
    try:
        yield prepared
    finally:
        event.remove(engine.pool, "checkout", lend)
        event.remove(engine.pool, "checkin", give_back)
        # Those that are read over are given back to no pool.
        engine.dispose()
