"""Somebody who has an account opens a session."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Any

import httpx
import psycopg2
import pytest

from tests.api.test_lookup import everything
from tests.people import PASSWORD, People, bearer
from tests.problems import assert_problem

EMAIL = "ada@example.com"
SAME_REQUEST_ID = {"X-Request-ID": "the-same-for-all"}
NO_STRINGS = [None, 5, True, [], {}]
WRONG_PASSWORDS = {
    "empty": "",
    "space": " ",
    "short": "short",
    "capitals": PASSWORD.upper(),
    "space after it": PASSWORD + " ",
    "60,000 letters": "x" * 60_000,
    "NUL": PASSWORD + "\0",
    "emoji": "\U0001f511",
}
NO_ADDRESSES = {
    "no at": "ada",
    "NUL": "ada@example.com\0",
    "60,000 letters": "a" * 60_000 + "@example.com",
}

Statements = Callable[[], AbstractContextManager[list[str]]]


def log_in(http: httpx.Client, email: Any = EMAIL, password: Any = PASSWORD) -> httpx.Response:
    body = {"email": email, "password": password}
    return http.post("/auth/login", json=body, headers=SAME_REQUEST_ID)


def test_the_right_password_gives_the_user_and_tokens(http: httpx.Client, register: People) -> None:
    person = register(email=EMAIL)
    response = log_in(http)
    assert response.status_code == 200
    answer = response.json()
    assert answer.keys() == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["user"].keys() == {"id", "email", "email_verified", "created_at"}
    assert answer["user"]["id"] == person.id
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)


def test_both_new_tokens_work(http: httpx.Client, register: People) -> None:
    session = register().log_in()
    assert session.get("/auth/me").json()["id"] == session.id
    headers = bearer(session.refresh_token)
    assert http.post("/auth/refresh", headers=headers).status_code == 200


def test_each_log_in_is_a_session_of_its_own(register: People) -> None:
    first = register()
    second = first.log_in()
    first.post("/auth/logout")
    assert first.get("/auth/me").status_code == 401
    assert second.get("/auth/me").status_code == 200


def test_a_log_in_waits_for_nobody_who_joins_meanwhile(register: People, database_url: str) -> None:
    ada = register()
    with closing(psycopg2.connect(database_url)) as joining:
        # As the row of a referral has its referrer locked.
        joining.cursor().execute("SELECT FROM users FOR KEY SHARE")
        assert ada.log_in().id == ada.id


def test_a_wrong_password_is_refused(http: httpx.Client, register: People) -> None:
    register(email=EMAIL)
    response = log_in(http, password="a wrong password")
    assert_problem(response, 401, "invalid_credentials")
    # No token was sent that an error could be about (RFC 6750, section 3.1).
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_somebody_elses_password_is_refused(http: httpx.Client, register: People) -> None:
    register(email=EMAIL)
    register(password="the password of somebody else")
    response = log_in(http, password="the password of somebody else")
    assert_problem(response, 401, "invalid_credentials")


def test_an_unknown_address_is_answered_as_a_wrong_password_is(
    http: httpx.Client, register: People
) -> None:
    register(email=EMAIL)
    wrong = log_in(http, password="a wrong password")
    unknown = log_in(http, email="nobody@example.com", password="a wrong password")
    assert everything(wrong) == everything(unknown)


def test_an_unknown_address_is_the_same_work_as_a_wrong_password(
    http: httpx.Client, register: People, statements: Statements
) -> None:
    register(email=EMAIL)
    with statements() as for_known:
        log_in(http, password="a wrong password")
    with statements() as for_unknown:
        log_in(http, email="nobody@example.com", password="a wrong password")
    assert len(for_known) > 2
    assert for_known == for_unknown


@pytest.mark.parametrize("spelling", ["ADA@EXAMPLE.COM", "Ada@Example.Com"])
def test_an_address_is_read_without_regard_to_case(
    http: httpx.Client, register: People, spelling: str
) -> None:
    register(email=EMAIL)
    assert log_in(http, email=spelling).json()["user"]["email"] == EMAIL


@pytest.mark.parametrize("password", WRONG_PASSWORDS.values(), ids=WRONG_PASSWORDS)
def test_any_other_string_is_a_wrong_password(
    http: httpx.Client, register: People, password: str
) -> None:
    register(email=EMAIL)
    assert_problem(log_in(http, password=password), 401, "invalid_credentials")


@pytest.mark.parametrize("field", ["email", "password"])
@pytest.mark.parametrize("value", NO_STRINGS, ids=repr)
def test_a_field_that_is_no_string_is_named(http: httpx.Client, field: str, value: Any) -> None:
    problem = assert_problem(log_in(http, **{field: value}), 422, "validation_error")
    assert problem["errors"].keys() == {field}


@pytest.mark.parametrize("field", ["email", "password"])
def test_a_field_that_is_missing_is_named(http: httpx.Client, field: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    del body[field]
    problem = assert_problem(http.post("/auth/login", json=body), 422, "validation_error")
    assert problem["errors"].keys() == {field}


@pytest.mark.parametrize("email", NO_ADDRESSES.values(), ids=NO_ADDRESSES)
def test_what_is_no_address_is_named(http: httpx.Client, email: str) -> None:
    problem = assert_problem(log_in(http, email=email), 422, "validation_error")
    assert problem["errors"].keys() == {"email"}


def test_a_field_nobody_asked_for_is_refused(http: httpx.Client, register: People) -> None:
    register(email=EMAIL)
    body = {"email": EMAIL, "password": PASSWORD, "remember_me": True}
    problem = assert_problem(http.post("/auth/login", json=body), 422, "validation_error")
    assert problem["errors"].keys() == {"remember_me"}
