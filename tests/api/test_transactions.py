"""What a transaction reads, and how long it waits."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from time import monotonic

import httpx
import psycopg2
import pytest
from flask import Flask
from sqlalchemy import bindparam, func, select

from app import patience
from app.database import ENGINE_OPTIONS, read, transaction
from app.extensions import db
from app.models import User
from dev.waiting import wait_until
from tests.endings import Sql
from tests.holding import WAITING
from tests.people import PASSWORD, People
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

BY_EMAIL = select(User.id).where(User.email == bindparam("email"))
ADA = {"email": "ada@example.com"}
A_MOMENT_LATER = select(func.pg_sleep(0.8).label("nothing"))


def test_what_a_transaction_has_written_it_reads_and_nobody_else(app: Flask, sql: Sql) -> None:
    with app.app_context(), transaction():
        db.session.add(User(**ADA, password_hash="x"))
        db.session.flush()
        assert len(read(BY_EMAIL, ADA)) == 1
        assert sql("SELECT id FROM users") == []
    assert len(sql("SELECT id FROM users")) == 1


def test_all_that_a_request_waits_for_together_is_bounded(
    register: People, sql: Sql, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = register()
    owner.publish()
    monkeypatch.setattr(patience, "WAIT_SECONDS", 2.0)
    with (
        closing(psycopg2.connect(database_url)) as first,
        closing(psycopg2.connect(database_url)) as second,
        ThreadPoolExecutor(1) as background,
    ):
        first.cursor().execute("SELECT FROM users FOR UPDATE")
        second.cursor().execute("SELECT FROM codes FOR UPDATE")
        started = monotonic()
        publish = partial(owner.post, "/referral/code", {"lifetime_minutes": 60})
        answer = background.submit(publish)
        wait_until(lambda: sql(WAITING) == [(1,)], "request that waits")
        wait_until(lambda: monotonic() > started + 1.5, "most of the time")
        first.rollback()
        assert_problem(answer.result(), 503, "unavailable")
        taken = monotonic() - started
    assert_when_quiet(taken < 3, taken)


def test_a_request_waits_for_a_connection_no_longer_than_for_an_answer(
    app: Flask, http: httpx.Client
) -> None:
    with app.app_context(), ExitStack() as busy:
        for _ in range(ENGINE_OPTIONS["pool_size"]):
            busy.enter_context(db.engine.connect())
        answer = http.post("/auth/register", json=ADA | {"password": PASSWORD})
    assert_problem(answer, 503, "unavailable")
    assert answer.elapsed.total_seconds() < 7


def test_a_worker_has_as_long_for_each_wait_however_long_it_has_waited_before(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAIT_SECONDS", 2.0)
    with app.app_context():
        for _ in range(3):
            assert len(read(A_MOMENT_LATER, {})) == 1
