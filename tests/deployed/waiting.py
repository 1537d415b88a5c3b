"""A request that has to wait, in the middle of what it does."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import psycopg2

from dev.waiting import wait_until

THE_SERVICES = "FROM pg_stat_activity WHERE application_name = 'referral'"
IS_WAITING = "wait_event_type = 'Lock' AND datname = current_database()"


@contextmanager
def waiting_for_a_lock(
    database_url: str, send: Callable[[], httpx.Response]
) -> Iterator[Future[httpx.Response]]:
    """Send a request that changes a person, who cannot be changed until the block ends."""
    with closing(psycopg2.connect(database_url)) as holder, ThreadPoolExecutor(1) as thread:
        holder.cursor().execute("SELECT FROM users FOR UPDATE")
        answer = thread.submit(send)
        with closing(psycopg2.connect(database_url)) as observer:
            wait_until(lambda: _somebody_waits(observer), "request that waits")
        yield answer
        holder.rollback()


def _somebody_waits(observer: psycopg2.extensions.connection) -> bool:
    with observer, observer.cursor() as cursor:
        cursor.execute(f"SELECT pid {THE_SERVICES} AND {IS_WAITING}")
        return cursor.fetchone() is not None
