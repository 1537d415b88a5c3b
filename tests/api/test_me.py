"""What a person is told of themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.endings import Ending, Sql, any_ending_without_successor
from tests.people import People, Person
from tests.problems import assert_problem

Statements = Callable[[], AbstractContextManager[list[str]]]

# Many people at once, which HTTP would take its time for.
BRING = """
    WITH newcomers AS (
        INSERT INTO users (email, password_hash)
        SELECT 'newcomer-' || number || '@example.com', '' FROM generate_series(1, %s) AS number
        RETURNING id
    )
    INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by, created_at)
    SELECT id, %s, %s, 'registration', now() - (1000 - id) * interval '1 minute' FROM newcomers
"""


def me(person: Person) -> dict[str, Any]:
    response = person.get("/auth/me")
    assert response.status_code == 200, response.text
    return response.json()


def bring(sql: Sql, referrer: Person, number: int) -> None:
    code = referrer.publish()
    sql(BRING, number, referrer.id, code["id"])


def test_a_newcomer_has_an_account_and_nothing_else(register: People) -> None:
    ada = register(email="Ada@example.com")
    answer = me(ada)
    assert answer.pop("created_at").endswith("Z")
    assert answer == {
        "id": ada.id,
        "email": "ada@example.com",
        "email_verified": False,
        "referrer": None,
        "referral_code": None,
        "referrals": [],
        "referrals_count": 0,
        "profile": None,
    }


def test_the_account_is_the_one_that_registration_told_of(http: httpx.Client) -> None:
    body = {"email": "ada@example.com", "password": "correct horse battery"}
    answer = http.post("/auth/register", json=body).json()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    user = http.get("/auth/me", headers=headers).json()
    assert user | answer["user"] == user


def test_each_sees_themselves(register: People) -> None:
    ada, grace = register(), register()
    assert (me(ada)["id"], me(grace)["id"]) == (ada.id, grace.id)


def test_a_verified_address_is_shown_as_such(ada: Person, sql: Sql) -> None:
    sql("UPDATE users SET email_verified_at = now()")
    assert me(ada)["email_verified"] is True


def test_the_referrer_is_shown(ada: Person, register: People) -> None:
    newcomer = register(referral_code=ada.publish()["code"])
    assert me(newcomer)["referrer"] == {"id": ada.id, "email": ada.email}


def test_the_referrer_is_shown_after_joining_late(ada: Person, register: People) -> None:
    newcomer = register()
    newcomer.post("/referral/activate", {"code": ada.publish()["code"]})
    assert me(newcomer)["referrer"] == {"id": ada.id, "email": ada.email}


def test_the_active_code_is_shown(ada: Person) -> None:
    ada.publish()
    code = ada.publish()
    assert code.keys() == {"id", "code", "is_active", "expires_at", "created_at"}
    assert code["is_active"] is True
    assert me(ada)["referral_code"] == code


def test_a_code_is_shown_to_the_letter_as_it_is_by_itself(ada: Person) -> None:
    for expiry in ("2033-01-31", "2033-01-31T12:00:00.5Z", "2033-01-31T12:00:00.000001Z"):
        code = ada.publish(expires_at=expiry)
        assert me(ada)["referral_code"] == code == ada.get("/referral/code").json()


@any_ending_without_successor
def test_a_code_that_has_ended_is_not_shown(ada: Person, sql: Sql, end: Ending) -> None:
    code = ada.publish()
    assert me(ada)["referral_code"] == code
    end(ada, code, sql)
    assert me(ada)["referral_code"] is None


def test_those_one_brought_are_shown_newest_first(ada: Person, register: People) -> None:
    code = ada.publish()["code"]
    first, second = register(referral_code=code), register(referral_code=code)
    shown = me(ada)
    assert [row["id"] for row in shown["referrals"]] == [second.id, first.id]
    assert shown["referrals"][0].keys() == {"id", "email", "created_at"}
    assert shown["referrals"][0]["email"] == second.email
    assert shown["referrals"][0]["created_at"].endswith("Z")
    assert shown["referrals_count"] == 2


def test_a_newcomer_is_shown_at_once(ada: Person, register: People) -> None:
    code = ada.publish()["code"]
    for number in range(1, 4):
        assert me(ada)["referrals_count"] == number - 1
        newcomer = register(referral_code=code)
        assert me(ada)["referrals"][0]["id"] == newcomer.id
        assert me(ada)["referrals_count"] == number


def test_only_ones_own_referrals_are_shown(ada: Person, register: People) -> None:
    newcomer = register(referral_code=ada.publish()["code"])
    register(referral_code=newcomer.publish()["code"])
    assert [row["id"] for row in me(ada)["referrals"]] == [newcomer.id]
    assert me(ada)["referrals_count"] == 1


def test_of_many_referrals_the_newest_fifty_are_shown_and_all_are_counted(
    ada: Person, sql: Sql
) -> None:
    bring(sql, ada, 120)
    newest = sql("SELECT max(id) FROM users")[0][0]
    shown = me(ada)
    assert [row["id"] for row in shown["referrals"]] == list(range(newest, newest - 50, -1))
    assert shown["referrals_count"] == 120


@pytest.mark.parametrize("number", [0, 100])
def test_it_costs_one_statement_however_many_they_brought(
    ada: Person, sql: Sql, statements: Statements, number: int
) -> None:
    bring(sql, ada, number)
    with statements() as ran:
        me(ada)
    assert len(ran) == 1


def test_no_answer_tells_the_password(ada: Person, sql: Sql) -> None:
    hash_ = sql("SELECT password_hash FROM users")[0][0]
    text = ada.get("/auth/me").text
    assert "password" not in text
    assert hash_ not in text


def test_a_stranger_is_told_nothing(http: httpx.Client) -> None:
    assert_problem(http.get("/auth/me"), 401, "token_missing")


def test_nobody_keeps_the_answer(ada: Person) -> None:
    assert ada.get("/auth/me").headers["Cache-Control"] == "no-store"
