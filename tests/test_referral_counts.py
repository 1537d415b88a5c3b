"""How many each referrer has brought is right, whatever becomes of referrals, and at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection

from dev.waiting import wait_until

Sql = Callable[..., list[tuple[Any, ...]]]
Counts = dict[int, int]
End = Callable[[connection], None]

ADA, GRACE, HEDY = 1, 2, 3

PEOPLE = """
INSERT INTO users (email, password_hash)
SELECT 'person-' || n || '@example.com', '' FROM generate_series(1, %s) AS n
"""
CODES = """
INSERT INTO codes (user_id, code, is_activated, expires_at)
SELECT id, 'CODE-' || id, true, now() + interval '1 day' FROM users WHERE id <= %s
"""
# Of pairs of referee and referrer; the code of each has their id.
JOIN = """
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
SELECT (pair->>0)::bigint, (pair->>1)::bigint, (pair->>1)::bigint, 'registration'
FROM json_array_elements(%s::json) AS pair
"""
ALL_AT_ONCE = str([[4, ADA], [5, GRACE], [6, ADA], [7, ADA], [8, GRACE], [9, HEDY]])


def test_many_who_join_several_referrers_in_one_statement_are_all_counted(sql: Sql) -> None:
    sql(JOIN, ALL_AT_ONCE)
    assert counts(sql) == {ADA: 3, GRACE: 2, HEDY: 1} == truth(sql)


def test_those_who_join_later_are_counted_with_those_before(sql: Sql) -> None:
    sql(JOIN, ALL_AT_ONCE)
    sql(JOIN, str([[10, ADA], [11, HEDY]]))
    assert counts(sql) == {ADA: 4, GRACE: 2, HEDY: 2} == truth(sql)


def test_a_statement_by_which_nobody_joins_counts_nobody(sql: Sql) -> None:
    sql(JOIN, "[]")
    assert counts(sql) == {}


@pytest.mark.parametrize(
    ("whom", "left"),
    [
        ("referee_id = 4", {ADA: 2, GRACE: 2, HEDY: 1}),
        ("referee_id IN (4, 5, 6)", {ADA: 1, GRACE: 1, HEDY: 1}),
        ("referrer_id = 3", {ADA: 3, GRACE: 2}),
        ("true", {}),
        ("false", {ADA: 3, GRACE: 2, HEDY: 1}),
    ],
)
def test_referrals_that_are_deleted_count_no_longer(sql: Sql, whom: str, left: Counts) -> None:
    sql(JOIN, ALL_AT_ONCE)
    sql(f"DELETE FROM referrals WHERE {whom}")
    assert counts(sql) == left == truth(sql)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("referrer_id = 2 WHERE referee_id = 4", {ADA: 2, GRACE: 3, HEDY: 1}),
        ("referrer_id = 3 WHERE referrer_id = 1", {GRACE: 2, HEDY: 4}),
        ("referrer_id = 4 - referrer_id", {ADA: 1, GRACE: 2, HEDY: 3}),
        ("joined_by = 'activation'", {ADA: 3, GRACE: 2, HEDY: 1}),
        ("referrer_id = 2 WHERE false", {ADA: 3, GRACE: 2, HEDY: 1}),
    ],
)
def test_referrals_that_are_moved_count_for_the_other_referrer(
    sql: Sql, change: str, left: Counts
) -> None:
    sql(JOIN, ALL_AT_ONCE)
    sql(f"UPDATE referrals SET {change}")
    assert counts(sql) == left == truth(sql)


def test_a_table_that_is_emptied_counts_nobody(sql: Sql) -> None:
    sql(JOIN, ALL_AT_ONCE)
    sql("TRUNCATE referrals")
    assert counts(sql) == {}


def test_what_is_rolled_back_was_never_counted(sql: Sql, one: connection) -> None:
    sql(JOIN, str([[4, ADA]]))
    one.cursor().execute(JOIN, (str([[5, ADA], [6, GRACE]]),))
    one.cursor().execute("DELETE FROM referrals WHERE referee_id = 4")
    one.rollback()
    assert counts(sql) == {ADA: 1} == truth(sql)


def test_what_a_statement_is_refused_for_leaves_no_count(sql: Sql) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        sql(JOIN, str([[4, ADA], [4, 5]]))
    assert counts(sql) == {}


@pytest.mark.parametrize("before", ["[]", str([[4, ADA]])], ids=["the first", "further ones"])
@pytest.mark.parametrize(("end", "more"), [(connection.commit, 2), (connection.rollback, 1)])
def test_who_joins_while_another_does_is_counted_whatever_becomes_of_the_other(
    sql: Sql, one: connection, other: connection, before: str, end: End, more: int
) -> None:
    sql(JOIN, before)
    already = truth(sql).get(ADA, 0)
    one.cursor().execute(JOIN, (str([[5, ADA]]),))
    with waiting(sql, other, JOIN, str([[6, ADA]])):
        end(one)
    assert counts(sql) == {ADA: already + more} == truth(sql)


def test_those_who_join_two_referrers_at_the_same_time_do_not_wait_for_each_other(
    sql: Sql, one: connection, other: connection
) -> None:
    one.cursor().execute(JOIN, (str([[5, ADA]]),))
    other.cursor().execute(JOIN, (str([[6, GRACE]]),))
    for connection_ in (other, one):
        connection_.commit()
    assert counts(sql) == {ADA: 1, GRACE: 1} == truth(sql)


def test_the_count_of_a_referrer_goes_with_them(sql: Sql) -> None:
    sql(JOIN, ALL_AT_ONCE)
    for table, of_hedy in (("referrals", "referrer_id"), ("codes", "user_id"), ("users", "id")):
        sql(f"DELETE FROM {table} WHERE {of_hedy} = {HEDY}")
    assert sql("SELECT FROM referral_counts WHERE referrer_id = %s", HEDY) == []


def counts(sql: Sql) -> Counts:
    """How many each has brought by what is kept of it, without those who brought nobody."""
    return dict(sql("SELECT referrer_id, total FROM referral_counts WHERE total <> 0"))


def truth(sql: Sql) -> Counts:
    """How many each has brought."""
    return dict(sql("SELECT referrer_id, count(*) FROM referrals GROUP BY referrer_id"))


@contextmanager
def waiting(sql: Sql, connection_: connection, *statement: str) -> Iterator[None]:
    """Have this statement wait for another transaction while the block runs, then commit it."""
    pid = connection_.info.backend_pid
    with ThreadPoolExecutor(1) as thread:
        executed = thread.submit(connection_.cursor().execute, statement[0], statement[1:])
        is_blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        wait_until(lambda: sql(is_blocked, pid)[0][0], "statement that waits", 5)
        yield
        executed.result()
    connection_.commit()


@pytest.fixture(autouse=True)
def people(sql: Sql) -> None:
    """Twelve, the first three of whom have codes."""
    sql(PEOPLE, 12)
    sql(CODES, HEDY)


@pytest.fixture
def one(database_url: str) -> Iterator[connection]:
    """A transaction."""
    with closing(psycopg2.connect(database_url)) as one:
        yield one


@pytest.fixture
def other(database_url: str) -> Iterator[connection]:
    """Another one."""
    with closing(psycopg2.connect(database_url)) as other:
        # Rather than that nobody lets it go on.
        other.cursor().execute("SET lock_timeout = '8s'")
        other.commit()
        yield other
