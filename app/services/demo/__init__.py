"""A database full of people who do not exist, to see the service at size."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from psycopg2.extensions import connection, cursor

from app.database import patient_connection
from app.services import passwords
from app.services.demo import codes, referrals, users
from app.services.demo.copying import copy
from app.services.demo.past import Past

# That of everybody.
PASSWORD = "demonstration"  # noqa: S105  # nosec B105

# Nobody can register between the look whether there is anybody and the end.
LOCK = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"
GO_ON = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)"
# An index answers by itself only once it is noted which pages everybody may see.
TIDY = "VACUUM (ANALYZE) users, codes, referrals, referral_counts"


class SomebodyIsThere(Exception):
    """The database has people in it already."""


def rows(people: int, joined: int) -> int:
    """How many rows a fill writes."""
    return people * (1 + codes.EACH) + joined


def fill(people: int, joined: int, progressed: Callable[[int], None]) -> None:
    """Write so many people and their codes, and so many of them as joined somebody.

    The same numbers make the same people and referrals; an interrupted fill leaves nothing.

    :param progressed: is told of rows on their way, how many each time.
    :raises SomebodyIsThere: this is not the place.
    """
    with patient_connection() as conn:
        with conn, conn.cursor() as cur:
            _refuse_if_anybody_is_there(cur)
            _write(cur, Past(_now(cur), people), joined, progressed)
        _tidy(conn)


def _refuse_if_anybody_is_there(cur: cursor) -> None:
    cur.execute(LOCK)
    cur.execute("SELECT FROM users LIMIT 1")
    if cur.rowcount:
        raise SomebodyIsThere


def _now(cur: cursor) -> datetime:
    cur.execute("SELECT now()")
    return cast("tuple[datetime]", cur.fetchone())[0]


def _write(cur: cursor, past: Past, joined: int, progressed: Callable[[int], None]) -> None:
    password_hash = passwords.hash_password(PASSWORD)
    copy(cur, users.TABLE, users.rows(past, password_hash), progressed)
    copy(cur, codes.TABLE, codes.rows(past), progressed)
    copy(cur, referrals.TABLE, referrals.rows(past, joined), progressed)
    cur.execute(GO_ON, ("users", past.people))
    cur.execute(GO_ON, ("codes", past.people * codes.EACH))


def _tidy(conn: connection) -> None:
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute(TIDY)
