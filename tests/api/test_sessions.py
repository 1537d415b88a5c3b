"""A session lives by refreshing, and once it has ended it stays ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta

import httpx
import pytest
import redis
from flask import Flask

from app import tasks
from app.extensions import db
from app.services import sessions
from dev.waiting import wait_until
from tests.api.tokens import claims_of, expired
from tests.endings import Sql
from tests.holding import WAITING, held_at_commit
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem

Statements = Callable[[], AbstractContextManager[list[str]]]

DAY = 86_400
EXPIRED = """
INSERT INTO sessions (id, user_id, expires_at)
SELECT gen_random_uuid(), max(id), now() FROM users, generate_series(1, %s) AS number
GROUP BY number
"""
TOKENS = """
SELECT count(*) FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE user_id = %s
"""


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    return http.post("/auth/refresh", headers=bearer(token))


def rotated(http: httpx.Client, token: str, times: int = 1) -> str:
    """The refresh token that this many refreshes lead to."""
    for _ in range(times):
        response = refresh(http, token)
        assert response.status_code == 200, response.text
        token = response.json()["refresh_token"]
    return token


def let_seconds_pass(sql: Sql, seconds: int) -> None:
    """Since any refresh token was used."""
    sql("UPDATE refresh_tokens SET used_at = used_at - %s * interval '1 second'", seconds)


def assert_over(http: httpx.Client, access_token: str, refresh_token: str) -> None:
    me = http.get("/auth/me", headers=bearer(access_token))
    assert_problem(me, 401, "token_revoked")
    assert_problem(refresh(http, refresh_token), 401, "token_revoked")


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


def test_logging_out_ends_both_tokens(http: httpx.Client, ada: Person) -> None:
    response = ada.post("/auth/logout")
    assert (response.status_code, response.content) == (204, b"")
    assert_over(http, ada.access_token, ada.refresh_token)


def test_logging_out_ends_tokens_from_before_and_after_a_refresh(
    http: httpx.Client, ada: Person
) -> None:
    newer = refresh(http, ada.refresh_token).json()
    ada.post("/auth/logout")
    assert_over(http, newer["access_token"], newer["refresh_token"])


def test_logging_out_leaves_other_sessions_alone(register: People, ada: Person) -> None:
    elsewhere, grace = ada.log_in(), register()
    ada.post("/auth/logout")
    assert elsewhere.get("/auth/me").status_code == 200
    assert grace.get("/auth/me").status_code == 200


def test_nobody_logs_out_twice(ada: Person) -> None:
    ada.post("/auth/logout")
    assert_problem(ada.post("/auth/logout"), 401, "token_revoked")


def test_a_refresh_token_does_not_log_out(http: httpx.Client, ada: Person) -> None:
    response = http.post("/auth/logout", headers=bearer(ada.refresh_token))
    assert_problem(response, 401, "token_invalid")
    assert ada.get("/auth/me").status_code == 200


def _by_logout(http: httpx.Client, ada: Person, _sql: Sql) -> None:
    ada.post("/auth/logout")


def _by_revocation(http: httpx.Client, ada: Person, _sql: Sql) -> None:
    http.post("/auth/revoke", data={"token": ada.refresh_token})


def _by_change_of_password(_http: httpx.Client, ada: Person, _sql: Sql) -> None:
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    ada.log_in().post("/auth/change_password", body)


def _by_reuse(http: httpx.Client, ada: Person, sql: Sql) -> None:
    rotated(http, ada.refresh_token)
    let_seconds_pass(sql, 11)
    refresh(http, ada.refresh_token)


@pytest.mark.parametrize("end", [_by_logout, _by_revocation, _by_change_of_password, _by_reuse])
def test_an_ended_session_stays_ended_when_redis_is_wiped(
    http: httpx.Client,
    ada: Person,
    sql: Sql,
    redis_client: redis.Redis,
    end: Callable[[httpx.Client, Person, Sql], None],
) -> None:
    end(http, ada, sql)
    redis_client.flushdb()
    assert_over(http, ada.access_token, ada.refresh_token)


def test_a_live_session_lives_on_when_redis_is_wiped(
    http: httpx.Client, ada: Person, redis_client: redis.Redis
) -> None:
    redis_client.flushdb()
    assert ada.get("/auth/me").status_code == 200
    assert refresh(http, ada.refresh_token).status_code == 200


def test_sessions_that_ran_out_are_cleared_away_at_the_next_log_in(ada: Person, sql: Sql) -> None:
    sql("UPDATE sessions SET expires_at = now() - interval '1 second'")
    ada.log_in()
    assert sql("SELECT count(*) FROM sessions") == [(1,)]


def test_whatever_ran_out_is_cleared_away_each_hour_and_nothing_else(
    app: Flask, ada: Person, sql: Sql
) -> None:
    sql(EXPIRED, 2 * sessions.SWEPT_AT_ONCE + 1)
    clear_away(app)
    assert sql("SELECT count(*) FROM sessions") == [(1,)]
    assert ada.get("/auth/me").is_success


@pytest.mark.usefixtures("ada")
def test_however_much_has_run_out_no_statement_clears_all_of_it_away(
    app: Flask, sql: Sql, statements: Statements
) -> None:
    sql(EXPIRED, 2 * sessions.SWEPT_AT_ONCE + 1)
    with app.app_context(), statements() as ran:
        sessions.drop_all_expired()
    assert len(ran) == 3


def test_a_session_that_is_refreshed_while_it_is_cleared_away_lives(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql
) -> None:
    with app.app_context():
        engine = db.engine
    sql("UPDATE sessions SET expires_at = now() + interval '1 second'")
    with ThreadPoolExecutor(1) as thread:
        with held_at_commit(engine, lambda: refresh(http, ada.refresh_token)) as refreshed:
            wait_until(lambda: sql("SELECT expires_at <= now() FROM sessions") == [(True,)], "end")
            clearing = thread.submit(clear_away, app)
            wait_until(lambda: sql(WAITING) == [(1,)], "clearing that waits")
        clearing.result()
    new = refreshed.result().json()["access_token"]
    assert http.get("/auth/me", headers=bearer(new)).is_success


def clear_away(app: Flask) -> None:
    with app.app_context():
        tasks.sessions.drop_expired_sessions()


def test_used_refresh_tokens_are_kept_no_longer_than_a_race_lasts(
    http: httpx.Client, ada: Person, register: People, sql: Sql
) -> None:
    other = register()
    rotated(http, other.refresh_token)
    token = ada.refresh_token
    for _ in range(3):
        token = rotated(http, token)
        let_seconds_pass(sql, 11)
    assert sql(TOKENS, ada.id) == [(2,)]
    assert sql(TOKENS, other.id) == [(2,)]


@pytest.fixture
def ada(register: People) -> Person:
    return register()
