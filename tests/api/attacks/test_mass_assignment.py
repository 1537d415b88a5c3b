"""Nobody sets what a route does not ask for, whatever the database or an answer calls it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask
from marshmallow import Schema, fields

from app.models.base import Base
from tests.api.tokens import claims_of
from tests.endings import Sql
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem
from tests.routes import Route, routes_of
from tests.stored import stored

INVALID = "validation_error"
# What tokens say, and what a client of OAuth may ask for.
CLAIMS = {"aud", "exp", "fresh", "iat", "iss", "jti", "nbf", "scope", "sid", "sub", "type"}
# What a log-in or a refresh changes in any case.
OF_SESSIONS = ("sessions", "refresh_tokens")
SESSIONS = "SELECT user_id, expires_at - created_at FROM sessions ORDER BY created_at"
PRIVILEGED = "SELECT id FROM users WHERE is_admin OR email_verified_at IS NOT NULL"


def test_the_names_are_those_of_columns_and_of_answers(names: set[str]) -> None:
    assert {"is_admin", "user_id", "email_verified_at", "joined_by", "dead_at"} <= names
    assert {"email_verified", "is_active", "referrals_count", "expires_in"} <= names


def test_no_schema_takes_a_column_but_those_that_people_set(app: Flask, columns: set[str]) -> None:
    taken = {name for route in routes_of(app) for name in route.fields}
    assert taken & columns == {"email", "code", "expires_at"}


def test_every_body_is_json_or_one_of_two_forms(app: Flask) -> None:
    takers = {str(route) for route in routes_of(app) if route.contract.accepts}
    forms = {str(route) for route in taking(app, "form")}
    assert forms == {"POST /auth/token", "POST /auth/revoke"}
    assert takers == {
        str(each) for where in ("json", "form", "query") for each in taking(app, where)
    }


def test_every_body_of_json_that_holds_them_is_refused_for_each(
    app: Flask, ada: Person, sql: Sql, names: set[str]
) -> None:
    before = stored(sql)
    for route in taking(app, "json"):
        others = names - route.fields.keys()
        body = dict.fromkeys(others, 1) | route.body_around("")
        problem = assert_problem(ada.request(route.method, route.path, json=body), 422, INVALID)
        assert problem["errors"].keys() == others, route
    assert stored(sql) == before


def test_without_them_no_such_body_is_refused(app: Flask, register: People) -> None:
    """Or they would be refused for another reason than the one they are made for."""
    for route in taking(app, "json"):
        answer = register().request(route.method, route.path, json=route.body_around(""))
        assert INVALID not in answer.text, route


def test_a_log_in_by_form_is_the_same_with_them(
    http: httpx.Client, ada: Person, sql: Sql, names: set[str]
) -> None:
    form = {"grant_type": "password", "username": ada.email, "password": PASSWORD}
    before = stored(sql, *OF_SESSIONS)
    plain, loaded = (http.post("/auth/token", data=data) for data in (form, with_all(names, form)))
    assert said_by(plain) == said_by(loaded)
    assert len(set(sql(SESSIONS))) == 1
    assert stored(sql, *OF_SESSIONS) == before


def test_a_refresh_by_form_is_the_same_with_them(
    http: httpx.Client, ada: Person, sql: Sql, names: set[str]
) -> None:
    before = stored(sql, *OF_SESSIONS)
    form = {"grant_type": "refresh_token", "refresh_token": ada.refresh_token}
    plain = http.post("/auth/token", data=form)
    form["refresh_token"] = plain.json()["refresh_token"]
    loaded = http.post("/auth/token", data=with_all(names, form))
    assert said_by(plain) == said_by(loaded)
    assert stored(sql, *OF_SESSIONS) == before


def test_a_revocation_is_the_same_with_them(
    http: httpx.Client, ada: Person, sql: Sql, names: set[str]
) -> None:
    before = stored(sql)
    form = {"token": "nobodys", "token_type_hint": "access_token"}
    assert http.post("/auth/revoke", data=with_all(names, form)).status_code == 200
    assert stored(sql) == before


def test_every_query_is_the_same_with_them(
    app: Flask, ada: Person, sql: Sql, names: set[str]
) -> None:
    ada.publish()
    before = stored(sql)
    for route in taking(app, "query"):
        asked = {"email": ada.email} if "email" in route.fields else {"limit": "1"}
        plain, loaded = ada.get(route.path, **asked), ada.get(route.path, **with_all(names, asked))
        assert (loaded.status_code, loaded.json()) == (200, plain.json()), route
    assert stored(sql) == before


def test_every_route_that_takes_nothing_is_the_same_with_them(
    app: Flask, register: People, names: set[str], sql: Sql
) -> None:
    body = dict.fromkeys(names, 1)
    for route in routes_of(app):
        if route.contract.bearer == "access" and not route.contract.accepts:
            plain, loaded = register(), register()
            expected = plain.request(route.method, route.path)
            answer = loaded.request(route.method, route.path, json=body, params=body)
            assert answer.status_code == expected.status_code, route
    assert sql(PRIVILEGED) == []


def taking(app: Flask, location: str) -> list[Route]:
    """The routes that take something there."""
    return [
        route
        for route in routes_of(app)
        if route.contract.accepts and route.contract.location == location
    ]


def with_all(names: set[str], form: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(names, "1") | form


def said_by(answer: httpx.Response) -> Any:
    """What it says, its tokens too, but for what differs each time."""
    body = answer.json()
    claims = [claims_of(body.pop(name)) for name in ("access_token", "refresh_token")]
    for each in claims:
        each["exp"] -= each["iat"]
        each["nbf"] -= each["iat"]
        for changing in ("iat", "jti", "sid"):
            del each[changing]
    return answer.status_code, body, claims


@pytest.fixture
def columns() -> set[str]:
    return {column.name for table in Base.metadata.tables.values() for column in table.columns}


@pytest.fixture
def names(app: Flask, columns: set[str]) -> set[str]:
    """What columns, fields of answers and claims are called."""
    shapes = [route.contract.returns for route in routes_of(app) if route.contract.returns]
    return columns | {name for shape in shapes for name in names_in(shape)} | CLAIMS


def names_in(shape: Schema) -> Iterator[str]:
    for name, field in shape.fields.items():
        yield name
        if isinstance(field, fields.Nested):
            yield from names_in(field.schema)
