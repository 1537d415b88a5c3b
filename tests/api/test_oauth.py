"""Tokens by the OAuth 2.0 password and refresh grants (RFC 6749), and their errors."""

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from flask import Flask

from tests.api.test_lookup import everything
from tests.api.tokens import expired
from tests.endings import Sql
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem

EMAIL = "ada@example.com"
BY_PASSWORD = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# RFC 6749, section 5.2: no quotes, no backslashes, nothing but ASCII.
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
INCOMPLETE: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "no grant_type": [("username", EMAIL), ("password", PASSWORD)],
    "empty grant_type": [("grant_type", ""), ("username", EMAIL), ("password", PASSWORD)],
    "no username": [("grant_type", "password"), ("password", PASSWORD)],
    "empty username": [("grant_type", "password"), ("username", ""), ("password", PASSWORD)],
    "no password": [("grant_type", "password"), ("username", EMAIL)],
    "empty password": [("grant_type", "password"), ("username", EMAIL), ("password", "")],
    "no refresh_token": [("grant_type", "refresh_token")],
    "empty refresh_token": [("grant_type", "refresh_token"), ("refresh_token", "")],
    "grant_type twice": [*BY_PASSWORD.items(), ("grant_type", "password")],
    "username twice": [*BY_PASSWORD.items(), ("username", EMAIL)],
    "password twice": [*BY_PASSWORD.items(), ("password", "another")],
    "an unknown one twice": [*BY_PASSWORD.items(), ("state", "a"), ("state", "b")],
    "a foreign one twice": [*BY_PASSWORD.items(), ("zustand\u00e4", "a"), ("zustand\u00e4", "b")],
    "a quoted one twice": [*BY_PASSWORD.items(), ('"\\\r\n', "a"), ('"\\\r\n', "b")],
}
WRONG: dict[str, dict[str, str]] = {
    "wrong password": {"password": "a wrong password"},
    "unknown username": {"username": "nobody@example.com"},
    "no address": {"username": "ada"},
    "a NUL in the username": {"username": "ada\0@example.com"},
    "a NUL in the password": {"password": PASSWORD + "\0"},
    "a long username": {"username": "a" * 30_000},
    "a long password": {"password": "a" * 60_000},
}
NO_REFRESH_TOKENS = ["nonsense", "a.b.c", "K7MPX4QT", "\0", "\u00e9", "x" * 1000]


def ask(http: httpx.Client, *pairs: tuple[str, str], **fields: str) -> httpx.Response:
    body = urlencode([*pairs, *fields.items()])
    return http.post("/auth/token", content=body, headers=FORM)


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    return ask(http, grant_type="refresh_token", refresh_token=token)


def assert_not_kept(response: httpx.Response) -> None:
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"


def assert_error(response: httpx.Response, error: str) -> None:
    """The answer is an error of RFC 6749, section 5.2."""
    assert (response.status_code, response.json()["error"]) == (400, error), response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.json().keys() == {"error", "error_description"}
    assert DESCRIPTION.fullmatch(response.json()["error_description"])
    assert_not_kept(response)


def test_the_password_grant_gives_tokens(http: httpx.Client, ada: Person) -> None:
    response = ask(http, **BY_PASSWORD)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert http.get("/auth/me", headers=bearer(answer["access_token"])).json()["id"] == ada.id


def test_the_refresh_grant_gives_new_tokens(http: httpx.Client, ada: Person) -> None:
    answer = refresh(http, ada.refresh_token).json()
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["refresh_token"] != ada.refresh_token
    assert http.get("/auth/me", headers=bearer(answer["access_token"])).json()["id"] == ada.id


def test_tokens_of_the_password_grant_are_refreshed_by_the_other(
    http: httpx.Client, ada: Person
) -> None:
    token = ask(http, **BY_PASSWORD).json()["refresh_token"]
    assert refresh(http, refresh(http, token).json()["refresh_token"]).status_code == 200


def test_both_ways_of_refreshing_use_up_the_same_token(http: httpx.Client, ada: Person) -> None:
    refresh(http, ada.refresh_token)
    again = http.post("/auth/refresh", headers=bearer(ada.refresh_token))
    assert_problem(again, 401, "token_reused")


@pytest.mark.parametrize("username", ["ADA@example.com", "Ada@Example.Com"])
def test_the_username_is_read_without_regard_to_case(
    http: httpx.Client, ada: Person, username: str
) -> None:
    assert ask(http, **BY_PASSWORD | {"username": username}).status_code == 200


@pytest.mark.parametrize(
    "password", ["a+b&c=d%20;e f", "p\u00e4ssw\u00f6rter \U0001f511", "%FF%00%zz"]
)
def test_a_password_survives_the_form(http: httpx.Client, register: People, password: str) -> None:
    person = register(password=password)
    form = {"grant_type": "password", "username": person.email, "password": password}
    assert ask(http, **form).status_code == 200


@pytest.mark.parametrize("grant_type", ["password", "refresh_token"])
def test_tokens_are_not_kept(http: httpx.Client, ada: Person, grant_type: str) -> None:
    fields = BY_PASSWORD | {"grant_type": grant_type, "refresh_token": ada.refresh_token}
    assert_not_kept(ask(http, **fields))


@pytest.mark.parametrize(
    "extra",
    [
        {"client_id": "swagger", "client_secret": "a secret"},
        {"client_id": ""},
        {"scope": "everything", "state": "1"},
        {"refresh_token": "nonsense"},
        {"nul\0": "\0"},
    ],
)
def test_what_nobody_asked_for_is_ignored(
    http: httpx.Client, ada: Person, extra: dict[str, str]
) -> None:
    assert ask(http, **BY_PASSWORD, **extra).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["Basic c3dhZ2dlcjphIHNlY3JldA==", "Basic Og==", "Basic !", "Bearer nonsense"]
)
def test_client_credentials_in_the_header_are_ignored(
    http: httpx.Client, ada: Person, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    assert http.post("/auth/token", data=BY_PASSWORD, headers=headers).status_code == 200


def test_a_charset_in_the_content_type_is_no_obstacle(http: httpx.Client, ada: Person) -> None:
    headers = {"Content-Type": "Application/X-WWW-Form-URLencoded; charset=UTF-8"}
    response = http.post("/auth/token", content=urlencode(BY_PASSWORD), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("pairs", INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_missing_or_repeated_is_an_invalid_request(
    http: httpx.Client, ada: Person, pairs: list[tuple[str, str]]
) -> None:
    assert_error(ask(http, *pairs), "invalid_request")


def test_parameters_in_the_query_are_not_read(http: httpx.Client, ada: Person) -> None:
    response = http.post("/auth/token", params=BY_PASSWORD, headers=FORM)
    assert_error(response, "invalid_request")


@pytest.mark.parametrize(
    "grant_type",
    ["client_credentials", "authorization_code", "PASSWORD", "nonsense", "\0", "\u00e9"],
)
def test_another_grant_type_is_unsupported(
    http: httpx.Client, ada: Person, grant_type: str
) -> None:
    fields = BY_PASSWORD | {"grant_type": grant_type}
    assert_error(ask(http, **fields), "unsupported_grant_type")


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG)
def test_wrong_credentials_are_an_invalid_grant(
    http: httpx.Client, ada: Person, fields: dict[str, str]
) -> None:
    assert_error(ask(http, **BY_PASSWORD | fields), "invalid_grant")


def test_an_unknown_username_is_answered_as_a_wrong_password_is(
    http: httpx.Client, ada: Person
) -> None:
    unknown = ask(http, **BY_PASSWORD | WRONG["unknown username"])
    wrong = ask(http, **BY_PASSWORD | WRONG["wrong password"])
    for answer in (unknown, wrong):
        del answer.headers["X-Request-ID"]
    assert everything(unknown) == everything(wrong)


@pytest.mark.parametrize("token", NO_REFRESH_TOKENS)
def test_what_is_no_refresh_token_is_an_invalid_grant(http: httpx.Client, token: str) -> None:
    assert_error(refresh(http, token), "invalid_grant")


def test_bytes_that_are_no_utf_8_are_an_invalid_grant(http: httpx.Client, ada: Person) -> None:
    body = f"grant_type=password&username={EMAIL}&password=%ED%A0%80%FF"
    assert_error(http.post("/auth/token", content=body, headers=FORM), "invalid_grant")


def test_a_used_refresh_token_is_an_invalid_grant(http: httpx.Client, ada: Person) -> None:
    refresh(http, ada.refresh_token)
    assert_error(refresh(http, ada.refresh_token), "invalid_grant")


def test_an_expired_refresh_token_is_an_invalid_grant(
    http: httpx.Client, app: Flask, ada: Person
) -> None:
    assert_error(refresh(http, expired(app, ada.refresh_token)), "invalid_grant")


def test_an_access_token_is_an_invalid_grant(http: httpx.Client, ada: Person) -> None:
    assert_error(refresh(http, ada.access_token), "invalid_grant")


def test_the_refresh_token_of_an_ended_session_is_an_invalid_grant(
    http: httpx.Client, ada: Person
) -> None:
    ada.post("/auth/logout")
    assert_error(refresh(http, ada.refresh_token), "invalid_grant")


@pytest.mark.parametrize("path", ["/auth/token", "/auth/revoke"])
@pytest.mark.parametrize(
    "sent",
    [
        {"json": BY_PASSWORD | {"token": "x"}},
        {"files": {"token": b"x"}, "data": BY_PASSWORD},
        {"content": urlencode(BY_PASSWORD | {"token": "x"})},
        {"content": "token=x", "headers": {"Content-Type": "text/plain"}},
    ],
    ids=["JSON", "multipart", "no type", "text"],
)
def test_anything_but_a_form_is_an_unsupported_media_type(
    http: httpx.Client, path: str, sent: dict[str, Any]
) -> None:
    assert_problem(http.post(path, **sent), 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/auth/token", "/auth/revoke"])
def test_too_large_a_form_is_too_large(http: httpx.Client, path: str) -> None:
    response = http.post(path, data={"token": "x" * 2**16}, timeout=5)
    assert_problem(response, 413, "body_too_large")


def test_too_many_wrong_passwords_have_to_wait(http: httpx.Client, ada: Person, sql: Sql) -> None:
    assert_error(ask(http, **BY_PASSWORD | WRONG["wrong password"]), "invalid_grant")
    sql("UPDATE failed_attempts SET count = 100")
    assert_error(ask(http, **BY_PASSWORD | WRONG["wrong password"]), "invalid_grant")
    response = ask(http, **BY_PASSWORD)
    assert_problem(response, 429, "too_many_attempts")
    assert 30 < int(response.headers["Retry-After"]) <= 60


@pytest.fixture
def ada(register: People) -> Person:
    return register(email=EMAIL)
