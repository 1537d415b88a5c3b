"""Once a session has ended, by logging out or otherwise, it stays ended."""

from collections.abc import Callable

import httpx
import pytest
import redis

from tests.api.sessions import assert_over, let_seconds_pass, refresh, rotated
from tests.endings import Sql
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem


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
