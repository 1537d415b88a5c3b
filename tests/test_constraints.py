"""What PostgreSQL itself refuses, whatever the service in front of it does."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

Run = Callable[..., Any]

DAY = "now() + interval '1 day'"
USER = "INSERT INTO users (email, password_hash) VALUES (%s, '') RETURNING id"
CODE = f"""
INSERT INTO codes (user_id, code, is_activated, expires_at) VALUES (%s, %s, %s, {DAY}) RETURNING id
"""
# Of each foreign key the name, and what refers to what.
REFERENCES = """
SELECT array_agg(format('%s: %s %s', conname, conrelid::regclass, regexp_replace(
    pg_get_constraintdef(oid), 'FOREIGN KEY (.*) REFERENCES (.*)', '\\1 \\2')))
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
MAY_BE_NULL = """
SELECT array_agg(format('%s.%s', attrelid::regclass, attname))
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
    AND NOT attisdropped AND NOT attnotnull
"""
REFERRAL = """
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
VALUES (%s, %s, %s, 'registration')
"""


def test_one_address_has_one_account(run: Run, people: list[int]) -> None:
    assert refusal(run, USER, "ada@example.com") == "uq_users_email"


def test_a_person_has_one_activated_code(run: Run, people: list[int], code: int) -> None:
    violated = refusal(run, CODE, people[0], "SECOND", True)
    assert violated == "uq_codes_one_activated_per_user"


def test_an_old_code_is_not_activated_beside_the_other(
    run: Run, people: list[int], code: int
) -> None:
    old = run(CODE, people[0], "OLD-CODE", False)
    violated = refusal(run, "UPDATE codes SET is_activated = true WHERE id = %s", old)
    assert violated == "uq_codes_one_activated_per_user"


def test_a_person_has_many_codes_that_are_off(run: Run, people: list[int], code: int) -> None:
    for wording in ("OLD-1", "OLD-2", "OLD-3"):
        assert run(CODE, people[0], wording, False)


def test_everybody_has_an_activated_code_of_their_own(run: Run, people: list[int]) -> None:
    for person in people:
        assert run(CODE, person, f"CODE-{person}", True)


@pytest.mark.parametrize("activated", [True, False])
def test_a_wording_belongs_to_one_person(
    run: Run, people: list[int], code: int, activated: bool
) -> None:
    assert refusal(run, CODE, people[1], "ADA-2030", activated) == "uq_codes_code"


def test_a_deleted_code_keeps_its_wording(run: Run, people: list[int], code: int) -> None:
    run("UPDATE codes SET is_activated = false, deleted_at = now()")
    assert refusal(run, CODE, people[1], "ADA-2030", True) == "uq_codes_code"


def test_a_deleted_code_is_off(run: Run, code: int) -> None:
    violated = refusal(run, "UPDATE codes SET deleted_at = now() WHERE id = %s", code)
    assert violated == "ck_codes_deleted_is_off"


@pytest.mark.parametrize("wording", ["ada-2030", "ABC", "A" * 33, "ADA 2030", "\u00c4DA-2030", ""])
def test_a_wording_has_its_form(run: Run, people: list[int], wording: str) -> None:
    assert refusal(run, CODE, people[0], wording, True) == "ck_codes_code_form"


def test_a_code_has_an_owner(run: Run) -> None:
    assert refusal(run, CODE, 999_999, "NOBODYS", True) == "fk_codes_user_id"


def test_a_person_joins_somebody_who_came_first(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[1], people[0], code)
    assert run("SELECT count(*) FROM referrals") == 1


def test_a_person_has_one_referrer(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[2], people[0], code)
    assert refusal(run, REFERRAL, people[2], people[1], code) == "pk_referrals"


def test_a_person_has_a_referrer_once(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[1], people[0], code)
    assert refusal(run, REFERRAL, people[1], people[0], code) == "pk_referrals"


def test_nobody_is_their_own_referrer(run: Run, people: list[int], code: int) -> None:
    violated = refusal(run, REFERRAL, people[0], people[0], code)
    assert violated == "ck_referrals_referrer_joined_first"


def test_no_referrer_came_later(run: Run, people: list[int], code: int) -> None:
    violated = refusal(run, REFERRAL, people[0], people[1], code)
    assert violated == "ck_referrals_referrer_joined_first"


def test_no_referral_is_turned_round(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[1], people[0], code)
    swap = "UPDATE referrals SET referee_id = referrer_id, referrer_id = referee_id"
    assert refusal(run, swap) == "ck_referrals_referrer_joined_first"


def test_what_a_referral_tells_of_cannot_go(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[1], people[0], code)
    violated = refusal(run, "DELETE FROM users WHERE id = %s", people[1])
    assert violated == "fk_referrals_referee_id"
    assert refusal(run, "DELETE FROM codes") == "fk_referrals_code_id"


def test_what_is_told_of_exists(run: Run) -> None:
    assert set(run(REFERENCES)) == {
        "fk_codes_user_id: codes (user_id) users(id)",
        "fk_referral_counts_referrer_id: referral_counts (referrer_id) users(id) ON DELETE CASCADE",
        "fk_referrals_code_id: referrals (code_id) codes(id)",
        "fk_referrals_referee_id: referrals (referee_id) users(id)",
        "fk_referrals_referrer_id: referrals (referrer_id) users(id)",
        "fk_refresh_tokens_session_id: refresh_tokens (session_id) sessions(id) ON DELETE CASCADE",
        "fk_sessions_user_id: sessions (user_id) users(id)",
    }


def test_nothing_is_unknown_but_what_need_not_be_known(run: Run) -> None:
    assert set(run(MAY_BE_NULL)) == {
        "codes.deleted_at",
        "outbox.dead_at",
        "outbox.last_failure",
        "refresh_tokens.used_at",
        "users.email_verified_at",
        "users.profile",
    }


def test_a_referral_came_about_in_a_known_way(run: Run, people: list[int], code: int) -> None:
    run(REFERRAL, people[1], people[0], code)
    violated = refusal(run, "UPDATE referrals SET joined_by = 'magic'")
    assert violated == "ck_referrals_joined_by_known"


def test_nobody_chooses_their_id(run: Run) -> None:
    with pytest.raises(psycopg2.errors.GeneratedAlways):
        run("INSERT INTO users (id, email, password_hash) VALUES (7, 'ada@example.com', '')")


def refusal(run: Run, statement: str, *parameters: Any) -> str | None:
    """The name of the constraint that the statement violates."""
    with pytest.raises(psycopg2.IntegrityError) as refused:
        run(statement, *parameters)
    return refused.value.diag.constraint_name


@pytest.fixture
def run(database_url: str) -> Iterator[Run]:
    """Runs a statement and gives the first value of its first row."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True

    def first_value(statement: str, *parameters: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchone()[0] if cursor.description else None

    yield first_value
    connection.close()


@pytest.fixture
def people(run: Run) -> list[int]:
    """Three people in the order they joined."""
    return [run(USER, f"{name}@example.com") for name in ("ada", "grace", "hopper")]


@pytest.fixture
def code(run: Run, people: list[int]) -> int:
    """The activated code of the first of them."""
    return run(CODE, people[0], "ADA-2030", True)
