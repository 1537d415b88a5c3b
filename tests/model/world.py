"""The service that is tried, and the ground it stands on."""

from contextlib import closing
from typing import Any, Self

import httpx
import psycopg2
import redis

from tests.conftest import EMPTY_TABLES
from tests.people import bearer

# Of every moment on record, so many minutes.
LET_PASS = """
DO $$
DECLARE ageing text;
BEGIN
    FOR ageing IN
        SELECT format('UPDATE %%I SET ', table_name) || string_agg(
            format('%%1$I = %%1$I - interval ''%s minutes''', column_name), ', ')
        FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
        GROUP BY table_name
    LOOP EXECUTE ageing; END LOOP;
END $$
"""


class World:
    """A service that answers, for the length of a `with` block, and what is behind it.

    Its limits by network address have to be generous. What its databases hold is lost.
    """

    def __init__(self, base_url: str, database_url: str, redis_url: str) -> None:
        # Loading certificates that plain HTTP does not need would take longer than most requests.
        self._http = httpx.Client(base_url=base_url, timeout=30, verify=False, trust_env=False)
        self._postgres = psycopg2.connect(database_url)
        self._postgres.autocommit = True
        self._redis = redis.Redis.from_url(redis_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._http), closing(self._postgres), closing(self._redis):
            pass

    def ask(self, method: str, path: str, token: str = "", **content: Any) -> httpx.Response:
        """Send a request, with this token if there is one."""
        headers = bearer(token) if token else {}
        return self._http.request(method, path, headers=headers, **content)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with self._postgres.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def change(self, statement: str, *parameters: Any) -> None:
        """Change what the database holds."""
        with self._postgres.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def empty(self) -> None:
        """Start from nothing."""
        self.change(EMPTY_TABLES)
        self.wipe_redis()

    def let_pass(self, minutes: int) -> None:
        """Let everything that is on record be so much older.

        Redis has a clock of its own; what it remembers for a minute at most is gone.
        """
        self.change(LET_PASS, minutes)
        self.wipe_redis()

    def wipe_redis(self) -> None:
        """Lose what may be lost."""
        self._redis.flushdb()
