"""Guessing gains nothing by coming from elsewhere, in other words, or at other people."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.behind_a_proxy import Allow, allow, app, base_url, coming_from, http
from tests.api.test_login_throttling import hold_up, log_in
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import NEW_PASSWORD, reset, reset_token
from tests.people import People, Person
from tests.problems import assert_problem

__all__ = ["allow", "app", "base_url", "http"]

MANY = 12
Guess = Callable[[httpx.Client, str, str], httpx.Response]


def by_login(http: httpx.Client, email: str, address: str) -> httpx.Response:
    body = {"email": email, "password": "a wrong password"}
    return http.post("/auth/login", json=body, headers=coming_from(address))


def by_form(http: httpx.Client, email: str, address: str) -> httpx.Response:
    form = {"grant_type": "password", "username": email, "password": "a wrong password"}
    return http.post("/auth/token", data=form, headers=coming_from(address))


# Where one attacker may come from: a place, or anywhere within a network of theirs.
PLACES = {
    "one address": lambda number: "192.0.2.1",
    "one address in two forms": lambda number: ["192.0.2.1", "::ffff:192.0.2.1"][number % 2],
    "a network of IPv6": lambda number: f"2001:db8::{number:x}:{number:x}",
    "no address": lambda number: f"nowhere {number}",
}


@pytest.mark.parametrize("guess", [by_login, by_form])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_one_place_tries_a_password_at_only_so_many_people(
    http: httpx.Client, allow: Allow, guess: Guess, place: Callable[[int], str]
) -> None:
    allow("LOGIN", "5 per hour")
    answers = [guess(http, f"person{n}@example.com", place(n)) for n in range(MANY)]
    assert [answer.status_code == 429 for answer in answers] == [False] * 5 + [True] * (MANY - 5)


@pytest.mark.parametrize(
    "spellings",
    [
        ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.Com"],
        ["ada@b\u00fccher.de", "ada@xn--bcher-kva.de", "ADA@bu\u0308cher.de"],
        ["jos\u00e9@example.com", "jose\u0301@example.com", "JOSE\u0301@EXAMPLE.COM"],
    ],
    ids=["case", "IDN", "composition"],
)
def test_the_delay_is_that_of_the_account_from_everywhere_and_in_every_spelling(
    http: httpx.Client, register: People, sql: Sql, spellings: list[str]
) -> None:
    register(email=spellings[0])
    for spelling in spellings:
        hold_up(http, sql, spelling)
        for other in spellings:
            assert_problem(log_in(http, other), 429, "too_many_attempts")
        sql("DELETE FROM failed_attempts")


def test_all_sessions_of_a_person_guess_at_their_password_together(ada: Person) -> None:
    """A thief of one session may open no other; nor may one of several come by a new budget."""
    sessions = [ada, *(ada.log_in() for _ in range(3))]
    body = {"current_password": "a wrong password", "new_password": NEW_PASSWORD}
    answers = [
        session.post("/auth/change_password", body).status_code
        for _ in range(MANY)
        for session in sessions
    ]
    # Five are free; in the seconds that this takes, delays let a few more by.
    assert answers.count(403) <= 8
    assert answers.count(403) + answers.count(429) == len(answers)


def test_guesses_at_a_mailed_link_neither_hit_it_nor_use_it_up(
    http: httpx.Client, ada: Person, inbox: Inbox
) -> None:
    token = reset_token(http, inbox, ada)
    payload, _, signature = token.rpartition(".")
    other = "A" if signature[0] != "A" else "B"
    for number in range(MANY):
        guess = f"{payload}.{other}{signature[1:-2]}{number:02}"
        assert reset(http, guess).status_code == 422
    assert reset(http, token).status_code == 204


def test_one_place_guesses_at_only_so_many_links(
    http: httpx.Client, allow: Allow, ada: Person
) -> None:
    allow("MAILED_TOKEN", "5 per hour")
    answers = []
    for number in range(MANY):
        headers = coming_from(f"2001:db8::{number:x}")
        body = {"token": f"guess-{number}", "new_password": NEW_PASSWORD}
        answers.append(http.post("/auth/reset_password/confirm", json=body, headers=headers))
    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * (MANY - 5)


def test_guesses_at_refresh_tokens_are_limited_by_place_and_end_no_session(
    http: httpx.Client, allow: Allow, ada: Person
) -> None:
    allow("REFRESH", "5 per hour")
    header, payload, signature = ada.refresh_token.split(".")
    other = "A" if signature[0] != "A" else "B"
    answers = []
    for number in range(MANY):
        guess = f"{header}.{payload}.{other}{signature[1:-3]}{number:03}"
        headers = coming_from("192.0.2.1") | {"Authorization": f"Bearer {guess}"}
        answers.append(http.post("/auth/refresh", headers=headers).status_code)
    assert answers == [401] * 5 + [429] * (MANY - 5)
    headers = {"Authorization": f"Bearer {ada.refresh_token}"}
    assert http.post("/auth/refresh", headers=headers).status_code == 200


def test_codes_are_not_guessed_at_registration_from_one_place(
    http: httpx.Client, allow: Allow
) -> None:
    allow("REGISTER", "5 per hour")
    answers = []
    for number in range(MANY):
        body = {"email": f"person{number}@example.com", "password": NEW_PASSWORD}
        body["referral_code"] = f"GUESS-{number}"
        headers = coming_from(f"2001:db8::{number:x}")
        answers.append(http.post("/auth/register", json=body, headers=headers).status_code)
    assert answers == [422] * 5 + [429] * (MANY - 5)
