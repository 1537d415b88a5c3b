"""What `make chaos` asks the database itself: nothing that is wrong in it is overlooked."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import psycopg2.extensions
import pytest

from tests.chaos import always
from tests.conftest import TEMPLATE, create_database, database_address

PEOPLE = """
INSERT INTO users (email, password_hash) VALUES ('ada@example.com', 'x'), ('bob@example.com', 'x');
INSERT INTO codes (user_id, code, is_activated, expires_at) VALUES (1, 'ADA-1', true, now());
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by) VALUES (2, 1, 1, 'activation');
"""
# A constraint of any table, or an index.
WITHOUT = """
DO $$
DECLARE relation text := (SELECT conrelid::regclass FROM pg_constraint WHERE conname = '{0}');
BEGIN
    IF relation IS NULL THEN DROP INDEX {0};
    ELSE EXECUTE format('ALTER TABLE %s DROP CONSTRAINT {0}', relation);
    END IF;
END $$
"""
EVERY_CONSTRAINT = """
SELECT conname FROM pg_constraint
WHERE contype IN ('c', 'u', 'f') AND connamespace = 'public'::regnamespace
UNION ALL VALUES ('pk_referrals'), ('uq_codes_one_activated_per_user')
"""
CODE = "INSERT INTO codes (user_id, code, is_activated, expires_at) VALUES"
SESSION = "INSERT INTO sessions (id, user_id, expires_at) VALUES"
TOKEN = "INSERT INTO refresh_tokens (jti, session_id) VALUES"
UUID = "'00000000-0000-0000-0000-00000000000{}'"
A_SESSION = f"{SESSION} ({UUID.format(1)}, 1, now())"
ITS_TOKEN = f"{TOKEN} ({UUID.format(2)}, {UUID.format(1)})"
# Statements, and what they make somebody guilty of.
LIES = [
    (f"{CODE} (1, 'ADA-2', true, now())", "has more than one active code"),
    (
        "INSERT INTO users (email, password_hash) VALUES ('ADA@example.com', 'x')",
        "is an address with more than one account",
    ),
    (f"{CODE} (2, 'ada-1', false, now())", "is a wording with more than one code"),
    ("UPDATE codes SET deleted_at = now()", "is an active code that was deleted"),
    ("INSERT INTO referrals SELECT * FROM referrals", "has more than one referrer"),
    (
        "UPDATE referrals SET referrer_id = referee_id",
        "is their own referrer's referrer, near or far",
    ),
    (
        "UPDATE referrals SET referrer_id = 2, referee_id = 1",
        "was brought by somebody who joined later",
    ),
    ("UPDATE codes SET user_id = 2", "came by a code that is not the referrer's"),
    ("UPDATE referrals SET code_id = 9", "came by a code that is not the referrer's"),
    *(
        (lie, "is a referral, a code, a session or a token of nobody's")
        for lie in (
            "UPDATE referrals SET referee_id = 9",
            f"{CODE} (9, 'NOBODYS', true, now())",
            f"{SESSION} ({UUID.format(1)}, 9, now())",
            ITS_TOKEN,
        )
    ),
    ("UPDATE referral_counts SET total = 7", "is said to have brought others than they have"),
    ("DELETE FROM referral_counts", "is said to have brought others than they have"),
    (
        f"{A_SESSION}; {ITS_TOKEN}; {ITS_TOKEN.replace(UUID.format(2), UUID.format(3))}",
        "has a session with more than one unused refresh token",
    ),
    ("INSERT INTO outbox (kind, payload) VALUES ('x', '{}')", "is a mail that is still owed"),
]


def test_every_constraint_that_is_gone_is_missed(worker: int) -> None:
    name = f"chaos_{worker}"
    create_database(name, TEMPLATE)
    gone = []
    with closing(psycopg2.connect(database_address(name))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(PEOPLE)
        for constraint in always.FORBIDDEN:
            cursor.execute(WITHOUT.format(constraint))
            gone.append(f"{constraint} does not keep anything from happening")
            assert list(always.gaps(database_address(name))) == gone


def test_nobody_is_guilty_without_a_reason(unguarded: psycopg2.extensions.cursor) -> None:
    assert offences(unguarded) == []


@pytest.mark.parametrize(("lie", "offence"), LIES)
def test_whoever_is_guilty_is_found(
    unguarded: psycopg2.extensions.cursor, lie: str, offence: str
) -> None:
    unguarded.execute(lie)
    assert any(each.endswith(offence) for each in offences(unguarded))


def test_every_offence_is_tried() -> None:
    assert {offence for _, offence in LIES} == always.OFFENDERS.keys()


def offences(cursor: psycopg2.extensions.cursor) -> list[str]:
    def sql(statement: str) -> list[tuple[object, ...]]:
        cursor.execute(statement)
        return cursor.fetchall()

    return list(always.offences(sql))


@pytest.fixture(scope="module")
def without_constraints(worker: int) -> str:
    """The address of a database in which everything is possible."""
    name = f"unguarded_{worker}"
    create_database(name, TEMPLATE)
    with closing(psycopg2.connect(database_address(name))) as connection:
        cursor = connection.cursor()
        cursor.execute(EVERY_CONSTRAINT)
        # Foreign keys first: they stand on the others.
        for (constraint,) in sorted(cursor.fetchall()):
            cursor.execute(WITHOUT.format(constraint))
        cursor.execute(PEOPLE)
        connection.commit()
    return database_address(name)


@pytest.fixture
def unguarded(without_constraints: str) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(without_constraints)) as connection:
        yield connection.cursor()
