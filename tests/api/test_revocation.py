"""Either token of a session ends the whole of it, at the revocation endpoint (RFC 7009)."""

from collections.abc import Callable

import httpx
import pytest
from flask import Flask

from tests.api.tokens import ANOTHER_KEY, assembled, expired, reminted
from tests.people import Person, bearer
from tests.problems import assert_problem

HEADER = '{"alg": "HS256", "typ": "JWT"}'
UNKNOWN = {
    "nonsense": "nonsense",
    "three parts": "a.b.c",
    "NUL": "\0",
    "foreign": "\u00e9\U0001f511",
    "long": "x" * 60_000,
    "deep": assembled(HEADER, "[" * 20_000),
    "no claims": assembled(HEADER, "{}"),
}

Choose = Callable[[Flask, Person], str]
OF_THE_SESSION: dict[str, Choose] = {
    "access": lambda app, person: person.access_token,
    "refresh": lambda app, person: person.refresh_token,
    "expired access": lambda app, person: expired(app, person.access_token),
    "expired refresh": lambda app, person: expired(app, person.refresh_token),
}


def revoke(http: httpx.Client, token: str, **fields: str) -> httpx.Response:
    return http.post("/auth/revoke", data={"token": token, **fields})


def assert_lives(http: httpx.Client, person: Person) -> None:
    assert person.get("/auth/me").status_code == 200
    headers = bearer(person.refresh_token)
    assert http.post("/auth/refresh", headers=headers).status_code == 200


def assert_over(http: httpx.Client, person: Person) -> None:
    assert_problem(person.get("/auth/me"), 401, "token_revoked")
    answer = http.post("/auth/refresh", headers=bearer(person.refresh_token))
    assert_problem(answer, 401, "token_revoked")


@pytest.mark.parametrize("choose", OF_THE_SESSION.values(), ids=OF_THE_SESSION)
def test_either_token_ends_the_session_even_when_it_has_expired(
    http: httpx.Client, app: Flask, ada: Person, choose: Choose
) -> None:
    assert revoke(http, choose(app, ada)).status_code == 200
    assert_over(http, ada)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", "", "\0"])
def test_a_hint_changes_nothing(http: httpx.Client, ada: Person, hint: str) -> None:
    assert revoke(http, ada.access_token, token_type_hint=hint).status_code == 200
    assert_over(http, ada)


def test_a_refresh_token_that_was_used_ends_the_session(http: httpx.Client, ada: Person) -> None:
    newer = http.post("/auth/refresh", headers=bearer(ada.refresh_token)).json()
    assert revoke(http, ada.refresh_token).status_code == 200
    answer = http.get("/auth/me", headers=bearer(newer["access_token"]))
    assert_problem(answer, 401, "token_revoked")


def test_other_sessions_go_on(http: httpx.Client, ada: Person) -> None:
    elsewhere = ada.log_in()
    revoke(http, ada.refresh_token)
    assert_lives(http, elsewhere)


def test_a_session_is_revoked_twice_without_complaint(http: httpx.Client, ada: Person) -> None:
    revoke(http, ada.refresh_token)
    assert revoke(http, ada.refresh_token).status_code == 200


@pytest.mark.parametrize("token", UNKNOWN.values(), ids=UNKNOWN)
def test_a_token_nobody_knows_is_no_error(http: httpx.Client, token: str) -> None:
    assert revoke(http, token).status_code == 200


def test_a_token_of_another_key_ends_nothing(http: httpx.Client, app: Flask, ada: Person) -> None:
    forged = reminted(app, ada.refresh_token, key=ANOTHER_KEY)
    assert revoke(http, forged).status_code == 200
    assert_lives(http, ada)


def test_a_referral_code_ends_nothing(http: httpx.Client, ada: Person) -> None:
    assert revoke(http, ada.publish()["code"]).status_code == 200
    assert_lives(http, ada)


def test_client_credentials_and_unknown_parameters_are_ignored(
    http: httpx.Client, ada: Person
) -> None:
    form = {"token": ada.access_token, "client_id": "swagger", "client_secret": "x", "more": ""}
    assert http.post("/auth/revoke", data=form, auth=("swagger", "x")).status_code == 200
    assert_over(http, ada)


@pytest.mark.parametrize(
    "form",
    [{}, {"token": ""}, {"token_type_hint": "access_token"}, {"token": ["a", "b"]}],
    ids=["nothing", "empty", "hint only", "twice"],
)
def test_without_one_token_the_request_is_invalid(http: httpx.Client, form: dict) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = http.post("/auth/revoke", data=form, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert response.headers["Content-Type"] == "application/json"


def test_a_token_given_twice_ends_nothing(http: httpx.Client, ada: Person) -> None:
    http.post("/auth/revoke", data={"token": [ada.access_token, ada.access_token]})
    assert_lives(http, ada)


def test_no_answer_is_kept(http: httpx.Client) -> None:
    assert revoke(http, "nonsense").headers["Cache-Control"] == "no-store"
