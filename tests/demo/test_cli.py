"""An operator fills an empty database with people who do not exist."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from psycopg2.extensions import get_wait_callback

from app.services.demo import PASSWORD
from tests.demo.filling import CODES, REFERRALS, SOMEBODY, USERS, counts, fill
from tests.endings import Sql


@pytest.fixture
def configure(sql: Sql) -> Iterator[Callable[[str, str], None]]:
    """Changes a setting for whoever connects to this database."""
    (name,) = sql("SELECT current_database()")[0]

    def change(setting: str, value: str) -> None:
        sql(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")

    yield change
    sql(f'ALTER DATABASE "{name}" RESET ALL')


@pytest.fixture
def impatient(configure: Callable[[str, str], None]) -> None:
    """PostgreSQL ends what takes longer than a moment."""
    configure("statement_timeout", "10ms")


@pytest.fixture
def durable(configure: Callable[[str, str], None]) -> None:
    """PostgreSQL answers a commit once it is written.

    Before that it would not note that everybody may see the rows.
    """
    configure("synchronous_commit", "on")


def test_there_are_as_many_as_were_asked_for(app: Flask, sql: Sql) -> None:
    result = fill(app)
    assert (result.exit_code, result.stderr) == (0, "")
    assert PASSWORD in result.stdout
    assert counts(sql) == (USERS, CODES, REFERRALS)


@pytest.mark.parametrize(
    ("users", "brought", "by_the_first"),
    [(1, 0, 0), (2, 0, 0), (2, 1, 1), (3, 2, 1), (30, 29, 14)],
)
def test_a_few_or_everybody_but_the_first_can_have_been_brought(
    app: Flask, sql: Sql, users: int, brought: int, by_the_first: int
) -> None:
    assert fill(app, users, brought).exit_code == 0
    assert counts(sql) == (users, 5 * users, brought)
    assert sql("SELECT count(*) FROM referrals WHERE referrer_id = 1") == [(by_the_first,)]


@pytest.mark.parametrize(("users", "brought"), [(1, 1), (5, 5), (5, 6)])
def test_the_first_cannot_have_been_brought(app: Flask, sql: Sql, users: int, brought: int) -> None:
    result = fill(app, users, brought)
    assert result.exit_code == 2
    assert f"Of {users} users {users - 1} can have been brought" in result.stderr
    assert counts(sql) == (0, 0, 0)


@pytest.mark.parametrize(("users", "brought"), [(0, 0), (-1, -2), (5, -1)])
def test_numbers_that_cannot_be_are_refused(app: Flask, sql: Sql, users: int, brought: int) -> None:
    assert fill(app, users, brought).exit_code == 2
    assert counts(sql) == (0, 0, 0)


@pytest.mark.usefixtures("durable")
def test_what_is_there_is_analysed_and_seen_by_everybody(app: Flask, sql: Sql) -> None:
    fill(app)
    tables = "SELECT sum(reltuples), bool_and(relallvisible > 0) FROM pg_class WHERE relname IN"
    assert sql(f"{tables} ('users', 'codes', 'referrals')") == [
        (USERS + CODES + REFERRALS, True),
    ]


def test_a_database_with_somebody_in_it_is_left_alone(app: Flask, sql: Sql) -> None:
    sql(SOMEBODY)
    result = fill(app)
    assert result.exit_code == 1
    assert result.stderr == "Error: There are people in this database already.\n"
    assert counts(sql) == (1, 0, 0)


@pytest.mark.usefixtures("impatient")
def test_a_fill_may_take_longer_than_other_statements(app: Flask) -> None:
    assert fill(app).exit_code == 0


def test_the_service_waits_no_longer_afterwards(app: Flask) -> None:
    callback = get_wait_callback()
    assert [fill(app).exit_code, fill(app).exit_code] == [0, 1]
    assert get_wait_callback() is callback is not None
