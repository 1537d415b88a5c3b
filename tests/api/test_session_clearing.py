"""Sessions that ran out, and refresh tokens that were used, are not kept for ever."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import pytest
from flask import Flask

from app import tasks
from app.extensions import db
from app.services import sessions
from dev.waiting import wait_until
from tests.api.sessions import let_seconds_pass, refresh, rotated
from tests.endings import Sql
from tests.holding import WAITING, held_at_commit
from tests.people import People, Person, bearer

Statements = Callable[[], AbstractContextManager[list[str]]]

EXPIRED = """
INSERT INTO sessions (id, user_id, expires_at)
SELECT gen_random_uuid(), max(id), now() FROM users, generate_series(1, %s) AS number
GROUP BY number
"""
TOKENS = """
SELECT count(*) FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE user_id = %s
"""


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
    sql("UPDATE sessions SET expires_at = now() + interval '2 seconds'")
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
