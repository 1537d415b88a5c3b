"""Connections to read over, lent for one statement at a time.

Those who write hold theirs for as long as they wait for each other; whoever only reads is not to
wait for them. And a pool of SQLAlchemy's does more for each loan than a read needs.
"""

import select
from queue import Empty, LifoQueue
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from gevent.monkey import get_original
from psycopg2.extensions import connection
from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import patience

# How many of an engine's connections are read over at once by a process.
MOST = 8

# Not gevent's, which would turn to other requests.
poll = get_original("select", "poll")


class Reader:
    """A connection, and the names of the statements that PostgreSQL has planned for it."""

    __slots__ = ("connection", "planned")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.planned: set[str] = set()


class Readers:
    """What is read over of this engine, connected as its own connections are."""

    def __init__(self, engine: Engine) -> None:
        # Of its connections none is kept here.
        self._pool: Any = engine.pool.recreate()
        # In place of those that are not connected yet, nothing.
        self._idle: LifoQueue[Reader | None] = LifoQueue()
        for _ in range(MOST):
            self._idle.put(None)

    def take(self) -> Reader:
        """One that works, for this request alone until it gives it back.

        :raises sqlalchemy.exc.TimeoutError: all are lent, for as long as one may wait.
        :raises psycopg2.OperationalError: PostgreSQL cannot be reached.
        """
        try:
            reader = self._idle.get_nowait()
        except Empty:
            reader = self._wait_for_one()
        if reader and not is_dead(reader.connection):
            return reader
        try:
            return self._connect()
        except BaseException:
            self._idle.put(None)
            raise

    def _wait_for_one(self) -> Reader | None:
        started = monotonic()
        try:
            return self._idle.get(timeout=max(0, patience.end(started) - started))
        except Empty:
            raise PoolTimeout("All connections are being read over") from None
        finally:
            patience.spend(monotonic() - started)

    def give_back(self, reader: Reader | None) -> None:
        """Let others have it; nothing, if it is of no use any more."""
        self._idle.put(reader)

    def _connect(self) -> Reader:
        made = self._pool.connect()
        reader = Reader(made.dbapi_connection)
        made.detach()
        return reader


_readers: WeakKeyDictionary[Engine, Readers] = WeakKeyDictionary()


def readers_of(engine: Engine) -> Readers:
    """What is read over of this engine, until it is disposed of."""
    readers = _readers.get(engine)
    if readers is None:
        readers = _readers[engine] = Readers(engine)
        event.listen(engine, "engine_disposed", _forget)
    return readers


def _forget(engine: Engine) -> None:
    # They close themselves, but in a process that was forked, where they are the other's.
    _readers.pop(engine, None)


def is_dead(conn: connection) -> bool:
    """Whether PostgreSQL has closed the connection, or said something on it unasked.

    So a restart of PostgreSQL is no error of anybody's; it costs no round trip to find out.
    """
    asked = poll()
    asked.register(conn.fileno(), select.POLLIN)
    return bool(asked.poll(0))
