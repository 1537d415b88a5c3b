"""A session lives by refreshing, each refresh token once."""

from datetime import timedelta

import httpx
import pytest
from flask import Flask

from tests.api.sessions import assert_over, let_seconds_pass, refresh, rotated
from tests.api.tokens import claims_of, expired
from tests.endings import Sql
from tests.people import Person, bearer
from tests.problems import assert_problem

DAY = 86_400


def test_a_refresh_gives_tokens(http: httpx.Client, ada: Person) -> None:
    response = refresh(http, ada.refresh_token)
    assert response.status_code == 200
    answer = response.json()
    assert answer.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)


def test_both_tokens_of_a_refresh_are_new_and_work(http: httpx.Client, ada: Person) -> None:
    answer = refresh(http, ada.refresh_token).json()
    assert answer["access_token"] != ada.access_token
    assert answer["refresh_token"] != ada.refresh_token
    assert http.get("/auth/me", headers=bearer(answer["access_token"])).json()["id"] == ada.id
    assert refresh(http, answer["refresh_token"]).status_code == 200


def test_an_access_token_lives_for_fifteen_minutes(ada: Person) -> None:
    claims = claims_of(ada.access_token)
    assert claims["exp"] - claims["iat"] == 15 * 60


def test_a_refresh_token_lives_for_thirty_days(http: httpx.Client, ada: Person) -> None:
    for token in (ada.refresh_token, rotated(http, ada.refresh_token)):
        claims = claims_of(token)
        assert claims["exp"] - claims["iat"] == 30 * DAY


def test_a_session_goes_on_through_many_refreshes(http: httpx.Client, ada: Person) -> None:
    assert refresh(http, rotated(http, ada.refresh_token, times=10)).status_code == 200


def test_a_session_lasts_for_a_year_however_often_it_is_refreshed(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    sql("UPDATE sessions SET created_at = now() - interval '364 days'")
    rotated(http, ada.refresh_token)
    assert sql("SELECT expires_at - created_at FROM sessions") == [(timedelta(days=365),)]


def test_a_session_may_be_idle_for_thirty_days_after_each_refresh(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    sql("UPDATE sessions SET expires_at = now() + interval '1 minute'")
    rotated(http, ada.refresh_token)
    assert sql("SELECT expires_at > now() + interval '29 days' FROM sessions") == [(True,)]


def test_a_session_that_ran_out_has_ended(http: httpx.Client, ada: Person, sql: Sql) -> None:
    sql("UPDATE sessions SET expires_at = now()")
    assert_over(http, ada.access_token, ada.refresh_token)


def test_a_refresh_token_works_once(http: httpx.Client, ada: Person) -> None:
    rotated(http, ada.refresh_token)
    response = refresh(http, ada.refresh_token)
    assert_problem(response, 401, "token_reused")
    assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


rotations = pytest.mark.parametrize("rotations", [1, 2, 5])


@rotations
def test_a_token_used_within_ten_seconds_is_only_refused(
    http: httpx.Client, ada: Person, sql: Sql, rotations: int
) -> None:
    newest = rotated(http, ada.refresh_token, rotations)
    let_seconds_pass(sql, 6)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    assert ada.get("/auth/me").status_code == 200
    assert refresh(http, newest).status_code == 200


@rotations
def test_a_used_refresh_token_ends_its_session_after_ten_seconds(
    http: httpx.Client, ada: Person, sql: Sql, rotations: int
) -> None:
    newest = rotated(http, ada.refresh_token, rotations)
    let_seconds_pass(sql, 10)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    assert_over(http, ada.access_token, newest)


def test_a_used_refresh_token_ends_its_session_however_often_it_was_refreshed_since(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    newest = ada.refresh_token
    for _ in range(3):
        newest = rotated(http, newest)
        let_seconds_pass(sql, 10)
    newest = rotated(http, newest)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    assert_over(http, ada.access_token, newest)


def test_refusals_within_ten_seconds_do_not_lengthen_them(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    newest = rotated(http, ada.refresh_token)
    let_seconds_pass(sql, 6)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    let_seconds_pass(sql, 6)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    assert_over(http, ada.access_token, newest)


def test_the_reuse_of_a_token_leaves_other_sessions_alone(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    elsewhere = ada.log_in()
    rotated(http, ada.refresh_token)
    let_seconds_pass(sql, 11)
    assert_problem(refresh(http, ada.refresh_token), 401, "token_reused")
    assert elsewhere.get("/auth/me").status_code == 200
    assert refresh(http, elsewhere.refresh_token).status_code == 200


def test_an_access_token_refreshes_nothing(http: httpx.Client, ada: Person) -> None:
    assert_problem(refresh(http, ada.access_token), 401, "token_invalid")
    assert ada.get("/auth/me").status_code == 200


def test_an_expired_refresh_token_is_refused(http: httpx.Client, app: Flask, ada: Person) -> None:
    assert_problem(refresh(http, expired(app, ada.refresh_token)), 401, "token_expired")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "K7MPX4QT"])
def test_what_is_no_token_refreshes_nothing(http: httpx.Client, token: str) -> None:
    assert_problem(refresh(http, token), 401, "token_invalid")


def test_a_refresh_needs_a_token(http: httpx.Client) -> None:
    response = http.post("/auth/refresh")
    assert_problem(response, 401, "token_missing")
    assert response.headers["WWW-Authenticate"] == "Bearer"
