"""Somebody makes an account, with or without the referral code of somebody else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from argon2 import extract_parameters

from app.services import passwords
from tests.endings import Sql
from tests.people import PASSWORD, People
from tests.problems import assert_problem

EMAIL = "ada@example.com"
# What no string field takes.
NO_STRINGS = [None, 5, 1.5, True, [], ["ada@example.com"], {}]


def register_at(http: httpx.Client, **changes: Any) -> httpx.Response:
    body = {"email": EMAIL, "password": PASSWORD} | changes
    return http.post("/auth/register", json=body)


def number_of_accounts(sql: Sql) -> int:
    return sql("SELECT count(*) FROM users")[0][0]


def test_a_person_registers_and_is_logged_in(register: People) -> None:
    person = register(email=EMAIL)
    assert person.get("/auth/me").json()["email"] == EMAIL


def test_the_answer_is_a_user_and_tokens(http: httpx.Client) -> None:
    response = register_at(http)
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)


def test_a_new_user_has_an_id_an_unverified_address_and_a_time(http: httpx.Client) -> None:
    user = register_at(http).json()["user"]
    created_at = user.pop("created_at")
    assert user == {"id": 1, "email": EMAIL, "email_verified": False}
    assert created_at.endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(created_at)
    assert abs(age) < timedelta(minutes=1)


def test_the_new_refresh_token_works(http: httpx.Client, register: People) -> None:
    person = register()
    headers = {"Authorization": f"Bearer {person.refresh_token}"}
    assert http.post("/auth/refresh", headers=headers).status_code == 200


@pytest.mark.usefixtures("hashes_at_full_cost")
def test_a_password_is_kept_as_an_argon2id_hash_only(register: People, sql: Sql) -> None:
    register(password="not to be found anywhere")
    row = sql("SELECT users::text, password_hash FROM users")[0]
    assert "not to be found" not in row[0]
    assert row[1].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.usefixtures("hashes_at_full_cost")
def test_a_password_is_held_against_nobodys_at_the_same_cost() -> None:
    hash_ = passwords.hash_password(PASSWORD)
    assert extract_parameters(passwords._NOBODYS) == extract_parameters(hash_)


def test_two_people_with_one_password_have_different_hashes(register: People, sql: Sql) -> None:
    register(), register()
    assert sql("SELECT count(DISTINCT password_hash) FROM users") == [(2,)]


def test_an_address_has_one_account(http: httpx.Client, register: People, sql: Sql) -> None:
    register(email=EMAIL)
    response = register_at(http, password="another good password")
    assert_problem(response, 409, "email_taken")
    assert number_of_accounts(sql) == 1


def test_a_refused_second_registration_leaves_the_password_as_it_is(
    http: httpx.Client, register: People
) -> None:
    ada = register(email=EMAIL)
    register_at(http, password="another good password")
    assert ada.log_in().id == ada.id


def test_a_person_registers_with_the_code_of_another(register: People) -> None:
    owner = register()
    newcomer = register(referral_code=owner.publish()["code"])
    assert newcomer.get("/auth/me").json()["referrer"] == {"id": owner.id, "email": owner.email}


def test_a_code_that_cannot_be_used_makes_no_account(http: httpx.Client, sql: Sql) -> None:
    assert_problem(register_at(http, referral_code="NOSUCHCODE"), 422, "referral_code_invalid")
    assert number_of_accounts(sql) == 0


def test_a_taken_address_makes_no_referral(http: httpx.Client, register: People, sql: Sql) -> None:
    register(email=EMAIL)
    code = register().publish()["code"]
    assert_problem(register_at(http, referral_code=code), 409, "email_taken")
    assert sql("SELECT count(*) FROM referrals") == [(0,)]


@pytest.mark.parametrize("field", ["email", "password", "referral_code"])
@pytest.mark.parametrize("value", NO_STRINGS, ids=repr)
def test_a_field_that_is_no_string_is_named(
    http: httpx.Client, sql: Sql, field: str, value: Any
) -> None:
    problem = assert_problem(register_at(http, **{field: value}), 422, "validation_error")
    assert problem["errors"].keys() == {field}
    assert number_of_accounts(sql) == 0


@pytest.mark.parametrize("field", ["email", "password"])
def test_a_required_field_that_is_missing_is_named(http: httpx.Client, field: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    del body[field]
    problem = assert_problem(http.post("/auth/register", json=body), 422, "validation_error")
    assert problem["errors"].keys() == {field}


def test_all_faults_are_named_at_once(http: httpx.Client) -> None:
    problem = assert_problem(register_at(http, email="x", password="x"), 422, "validation_error")
    assert problem["errors"].keys() == {"email", "password"}


@pytest.mark.parametrize("field", ["id", "is_admin", "email_verified", "referrer_id", "é"])
def test_a_field_nobody_asked_for_is_refused(http: httpx.Client, sql: Sql, field: str) -> None:
    problem = assert_problem(register_at(http, **{field: True}), 422, "validation_error")
    assert problem["errors"].keys() == {field}
    assert number_of_accounts(sql) == 0


def test_a_megabyte_is_too_large(http: httpx.Client) -> None:
    body = {"email": "a" * 2**20, "password": PASSWORD}
    assert_problem(http.post("/auth/register", json=body, timeout=5), 413, "body_too_large")


@pytest.mark.parametrize("field", ["email", "password", "referral_code"])
def test_sixty_thousand_characters_in_a_field_are_refused(http: httpx.Client, field: str) -> None:
    assert register_at(http, **{field: "a" * 60_000}).status_code == 422


@pytest.mark.parametrize("field", ["email", "password", "referral_code"])
def test_a_lone_surrogate_in_a_field_is_malformed(http: httpx.Client, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"email": EMAIL, "password": PASSWORD} | {field: "a lone \ud800"})
    response = http.post("/auth/register", content=body, headers=headers)
    assert_problem(response, 400, "malformed_json")
