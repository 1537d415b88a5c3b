"""No statement that a request sends reads a table from end to end, or sorts what may be long."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import cursor

from app import create_app
from app.extensions import db
from app.settings import load_settings
from dev.statements import watched
from tests.demo.filling import fill
from tests.deployed.every_route import ROUTES, Scene
from tests.people import Person
from tests.serving import served

USERS, REFERRALS = 20_000, 15_000
# A list that is read this way has no end.
OF_ONE_REFERRER = "referrals.referrer_id = "

Plans = dict[str, str]


@pytest.fixture
def app(settings_file: Path) -> Iterator[Flask]:
    """One with people enough that to read all of them is the slower way."""
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    assert fill(app, USERS, REFERRALS).exit_code == 0
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def planner(database_url: str) -> Iterator[cursor]:
    """Plans for any parameters, as PostgreSQL does for statements that it is sent often."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as planner:
        planner.execute("SET plan_cache_mode = force_generic_plan")
        # Tables that are small now need not remain so.
        planner.execute("SET enable_seqscan = off")
        yield planner
    connection.close()


def test_every_statement_of_every_route_finds_its_rows_by_an_index(
    app: Flask, planner: cursor
) -> None:
    plans = plans_of(statements_of_all_routes(app), planner)
    assert len(plans) > 30
    assert [sql for sql, plan in plans.items() if "Seq Scan" in plan] == []


def test_the_referrals_of_one_person_are_read_in_their_order_and_no_further_than_asked(
    app: Flask, planner: cursor
) -> None:
    plans = plans_of(statements_of_all_routes(app), planner)
    lists = [plan for sql, plan in plans.items() if OF_ONE_REFERRER in sql]
    assert len(lists) >= 3
    for plan in lists:
        assert "Index Only Scan Backward using ix_referrals_referrer_id_created_at" in plan
        assert "Sort" not in plan


class Statements:
    """What was sent, and what of it was prepared."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.prepared: dict[str, str] = {}

    def note(self, cursor_: cursor, statement: Any, parameters: Any) -> None:
        # As it is sent: psycopg2 puts the parameters in by itself.
        self.sent.add(cursor_.mogrify(statement, parameters).decode())


def statements_of_all_routes(app: Flask) -> Statements:
    statements = Statements()
    with app.app_context():
        engine = db.engine
    with (
        served(app) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
        watched(engine, sent=statements.note) as statements.prepared,
    ):
        for status, ask in ROUTES.values():
            assert ask(Scene(http)).status_code == status
        read_further_pages(Scene(http).owner)
    return statements


def read_further_pages(person: Person) -> None:
    for _ in range(2):
        person.publish()
    cursor_ = person.get("/referral/codes", limit=1).json()["next_cursor"]
    for path in ("/referral/codes", "/referral/referrals", f"/referral/referrals/{person.id}"):
        assert person.get(path, cursor=cursor_).status_code == 200


def plans_of(statements: Statements, planner: cursor) -> Plans:
    """How PostgreSQL would go about each of the statements, by its text."""
    for name, text in statements.prepared.items():
        planner.execute(f"PREPARE {name} AS {text}")
    return {
        in_full(sql, statements.prepared): plan_of(sql, planner)
        for sql in statements.sent
        if not sql.startswith("SET")
    }


def in_full(sql: str, prepared: dict[str, str]) -> str:
    return prepared[sql.split()[1]] if sql.startswith("EXECUTE") else sql


def plan_of(sql: str, planner: cursor) -> str:
    planner.execute(f"EXPLAIN {sql}")
    return "\n".join(line for (line,) in planner.fetchall())
