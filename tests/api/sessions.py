"""Refreshing a session, and seeing that it has ended."""

import httpx

from tests.endings import Sql
from tests.people import bearer
from tests.problems import assert_problem


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
