"""Somebody who has forgotten their password sets a new one with a link that is mailed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import Engine

from app.extensions import db
from dev.waiting import wait_until
from tests.api.test_lookup import everything
from tests.endings import Sql
from tests.holding import WAITING, held_after, held_at_commit
from tests.inbox import Inbox
from tests.mailed_links import NEW_PASSWORD, RESET_PAGE, ask_for_reset, reset, reset_token
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem

CHANGED = "Your password was changed"
REQUEST_ID = {"X-Request-ID": "the-same-for-all"}
REFUSED = {"short": "hgwqzrt", "long": "h" * 129, "common": "password1", "NUL": "hgwqzrtb\0"}


Statements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def token(http: httpx.Client, inbox: Inbox, ada: Person) -> str:
    """A token that Ada was mailed."""
    return reset_token(http, inbox, ada)


@pytest.fixture
def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


def log_in(http: httpx.Client, person: Person, password: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": person.email, "password": password})


def test_whoever_asks_learns_nothing_of_accounts(http: httpx.Client, ada: Person) -> None:
    known = ask_for_reset(http, ada.email, headers=REQUEST_ID)
    unknown = ask_for_reset(http, "nobody@example.com", headers=REQUEST_ID)
    assert everything(known) == everything(unknown)
    assert known.content == b""


def test_a_request_does_the_same_work_for_an_account_as_for_none(
    http: httpx.Client, ada: Person, statements: Statements
) -> None:
    with statements() as for_known:
        ask_for_reset(http, ada.email)
    with statements() as for_unknown:
        ask_for_reset(http, "nobody@example.com")
    assert for_known == for_unknown
    (only,) = for_known
    assert only.startswith("INSERT INTO outbox")


def test_the_new_password_takes_the_place_of_the_old(
    http: httpx.Client, ada: Person, token: str
) -> None:
    response = reset(http, token)
    assert (response.status_code, response.content) == (204, b"")
    assert log_in(http, ada, NEW_PASSWORD).status_code == 200
    assert_problem(log_in(http, ada, PASSWORD), 401, "invalid_credentials")


def test_any_spelling_of_the_address_will_do(http: httpx.Client, inbox: Inbox, ada: Person) -> None:
    ask_for_reset(http, "ADA@Example.COM")
    assert reset(http, inbox.token(ada.email, RESET_PAGE)).status_code == 204


def test_nobody_without_an_account_gets_a_mail(http: httpx.Client, inbox: Inbox) -> None:
    ask_for_reset(http, "nobody@example.com")
    assert inbox.all() == []


def test_an_address_that_nobody_has_is_not_kept(http: httpx.Client, inbox: Inbox, sql: Sql) -> None:
    ask_for_reset(http, "nobody@example.com")
    inbox.deliver()
    assert sql("SELECT * FROM outbox") == []


def test_a_link_works_once(http: httpx.Client, ada: Person, token: str) -> None:
    reset(http, token)
    assert_problem(reset(http, token, "another good password"), 422, "token_invalid")
    assert log_in(http, ada, NEW_PASSWORD).status_code == 200


def test_of_twenty_uses_of_one_link_at_once_one_works(
    http: httpx.Client, ada: Person, token: str
) -> None:
    passwords = [f"good password {number}" for number in range(20)]
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda password: reset(http, token, password), passwords))
    (winner,) = [
        password
        for password, answer in zip(passwords, answers, strict=True)
        if answer.status_code == 204
    ]
    for answer in answers:
        if answer.status_code != 204:
            assert_problem(answer, 422, "token_invalid")
    assert log_in(http, ada, winner).status_code == 200


def test_every_session_ends(http: httpx.Client, ada: Person, token: str) -> None:
    sessions = [ada, ada.log_in()]
    reset(http, token)
    for session in sessions:
        assert_problem(session.get("/auth/me"), 401, "token_revoked")
        response = http.post("/auth/refresh", headers=bearer(session.refresh_token))
        assert_problem(response, 401, "token_revoked")


def test_a_log_in_with_the_old_password_that_is_all_but_done_is_ended(
    http: httpx.Client, ada: Person, token: str, engine: Engine, sql: Sql
) -> None:
    def log_in_now() -> httpx.Response:
        return log_in(http, ada, PASSWORD)

    with ThreadPoolExecutor(1) as background:
        with held_at_commit(engine, log_in_now) as logged_in:
            done = background.submit(reset, http, token)
            wait_until(lambda: sql(WAITING) == [(1,)], "lock to wait for", seconds=3)
        assert done.result().status_code == 204
    headers = bearer(logged_in.result().json()["access_token"])
    assert_problem(http.get("/auth/me", headers=headers), 401, "token_revoked")


def test_a_log_in_that_has_read_the_old_password_gains_nothing(
    http: httpx.Client, ada: Person, token: str, engine: Engine
) -> None:
    def log_in_now() -> httpx.Response:
        return log_in(http, ada, PASSWORD)

    with held_after("FROM users", engine, log_in_now) as logged_in:
        assert reset(http, token).status_code == 204
    assert_problem(logged_in.result(), 401, "invalid_credentials")


def test_the_sessions_and_passwords_of_others_stay(
    http: httpx.Client, token: str, register: People
) -> None:
    grace = register()
    reset(http, token)
    assert grace.get("/auth/me").status_code == 200
    assert grace.log_in().id == grace.id


@pytest.mark.parametrize("used", ["the older", "the newer"])
def test_when_one_link_is_used_all_others_die(
    http: httpx.Client, inbox: Inbox, ada: Person, token: str, used: str
) -> None:
    tokens = [token, reset_token(http, inbox, ada)]
    if used == "the newer":
        tokens.reverse()
    assert reset(http, tokens[0]).status_code == 204
    assert_problem(reset(http, tokens[1], "another good password"), 422, "token_invalid")


def test_a_link_dies_when_the_password_is_changed(
    http: httpx.Client, ada: Person, token: str
) -> None:
    change_password(ada)
    assert_problem(reset(http, token, "another good password"), 422, "token_invalid")
    assert log_in(http, ada, NEW_PASSWORD).status_code == 200


def test_a_link_asked_for_before_the_password_changed_is_not_even_sent(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    ask_for_reset(http, ada.email)
    change_password(ada)
    assert inbox.tokens(ada.email, RESET_PAGE) == []


def test_a_link_asked_for_after_a_reset_works(
    http: httpx.Client, inbox: Inbox, ada: Person, token: str
) -> None:
    reset(http, token)
    again = reset_token(http, inbox, ada)
    assert reset(http, again, "another good password").status_code == 204
    assert log_in(http, ada, "another good password").status_code == 200


@pytest.mark.parametrize("new_password", REFUSED.values(), ids=REFUSED)
def test_a_password_that_could_not_be_registered_does_not_use_the_link_up(
    http: httpx.Client, ada: Person, token: str, new_password: str
) -> None:
    problem = assert_problem(reset(http, token, new_password), 422, "validation_error")
    assert problem["errors"].keys() == {"new_password"}
    assert log_in(http, ada, PASSWORD).status_code == 200
    assert reset(http, token).status_code == 204


def test_a_reset_lifts_the_delay_after_wrong_passwords(
    http: httpx.Client, ada: Person, token: str, sql: Sql
) -> None:
    log_in(http, ada, "a wrong password")
    sql("UPDATE failed_attempts SET count = 100, retry_at = now() + interval '1 minute'")
    assert_problem(log_in(http, ada, PASSWORD), 429, "too_many_attempts")
    reset(http, token)
    assert log_in(http, ada, NEW_PASSWORD).status_code == 200


def test_a_link_that_is_refused_lifts_no_delay(
    http: httpx.Client, ada: Person, token: str, sql: Sql
) -> None:
    reset(http, token)
    log_in(http, ada, "a wrong password")
    sql("UPDATE failed_attempts SET count = 100, retry_at = now() + interval '1 minute'")
    assert_problem(reset(http, token), 422, "token_invalid")
    assert_problem(log_in(http, ada, NEW_PASSWORD), 429, "too_many_attempts")


def test_whose_password_was_reset_is_told(
    http: httpx.Client, inbox: Inbox, ada: Person, token: str
) -> None:
    reset(http, token)
    assert inbox.subjects(ada.email).count(CHANGED) == 1


def test_whose_password_was_changed_is_told(inbox: Inbox, ada: Person) -> None:
    change_password(ada)
    assert inbox.subjects(ada.email).count(CHANGED) == 1


def test_of_a_password_that_was_not_changed_nobody_is_told(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    wrong = {"current_password": "a wrong password", "new_password": NEW_PASSWORD}
    assert ada.post("/auth/change_password", wrong).status_code == 403
    assert reset(http, "no token").status_code == 422
    assert CHANGED not in inbox.subjects(ada.email)


@pytest.mark.parametrize("email", [None, 5, [], "", "ada", "ada@example.com\0"], ids=repr)
def test_what_is_no_address_is_refused(http: httpx.Client, email: Any) -> None:
    response = http.post("/auth/reset_password", json={"email": email})
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {"email"}


@pytest.mark.parametrize("missing", ["token", "new_password"])
def test_both_the_token_and_the_password_are_needed(
    http: httpx.Client, ada: Person, token: str, missing: str
) -> None:
    body = {"token": token, "new_password": NEW_PASSWORD}
    del body[missing]
    response = http.post("/auth/reset_password/confirm", json=body)
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {missing}
    assert log_in(http, ada, PASSWORD).status_code == 200


def change_password(person: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert person.post("/auth/change_password", body).status_code == 204
