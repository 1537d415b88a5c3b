"""A request that has to wait, in the middle of what it does."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import psycopg2

from dev.waiting import wait_until

THE_SERVICES = "FROM pg_stat_activity WHERE application_name = 'referral'"
IS_WAITING = "wait_event_type = 'Lock' AND datname = current_database()"

# What may be locked: all people, one of them, all codes even for readers, or nothing more.
PEOPLE = "SELECT FROM users FOR UPDATE"
PERSON = "SELECT FROM users WHERE id = {} FOR UPDATE"
CODES = "LOCK TABLE codes"
NOTHING = "SELECT"


class Waiting:
    """A request that waits until it is let go, and its answer."""

    def __init__(self, holder: psycopg2.extensions.connection, answer: Future[httpx.Response]):
        self._holder = holder
        self.answer = answer

    def let_go(self) -> None:
        self._holder.rollback()


@contextmanager
def waiting_for(
    lock: str, database_url: str, send: Callable[[], httpx.Response]
) -> Iterator[Waiting]:
    """Send a request that cannot have what this statement locks, at the latest until the end."""
    with (
        closing(psycopg2.connect(database_url)) as observer,
        closing(psycopg2.connect(database_url)) as holder,
        ThreadPoolExecutor(1) as thread,
    ):
        holder.cursor().execute(lock)
        before = _how_many_wait(observer)
        waiting = Waiting(holder, thread.submit(send))
        try:
            wait_until(lambda: _how_many_wait(observer) > before, "request that waits", 10)
            yield waiting
        finally:
            waiting.let_go()


def _how_many_wait(observer: psycopg2.extensions.connection) -> int:
    with observer, observer.cursor() as cursor:
        cursor.execute(f"SELECT pid {THE_SERVICES} AND {IS_WAITING}")
        return cursor.rowcount
