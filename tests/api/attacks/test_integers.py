"""Numbers of every size and form are refused in good order, never a crash.

Those in paths, limits and cursors are tried in `test_ids_and_queries`.
"""

import json
from itertools import product

import httpx
import pytest
from flask import Flask

from tests.api.tokens import reminted
from tests.endings import Sql
from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.routes import Route, routes_of
from tests.stored import stored

MINUTES = "lifetime_minutes"
SIZES = [
    *(0, -1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
    *(10**30, 10**1000, -(10**1000)),
]
# As they stand in JSON.
NUMBERS = [
    *map(str, SIZES),
    *("1.5", "60.0", "1e2", "1E400", "-1e400", "1e-400", "-0", "-0.0", "0.1e1", "1e999999999"),
]
NO_NUMBERS = ["1_000", "+5", "007", "0x10", "\u0661", ".5", "5.", "Infinity", "NaN", "1e", "--1"]
IN_STRINGS = ["60", "1_000", "\u0661", "+5", " 5", "0x10", "1e2", "Infinity", "9" * 1000]

each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size)[:12])


def test_no_field_takes_a_number_that_does_not_fit(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql
) -> None:
    before = stored(sql)
    for number, route in product(NUMBERS, taking_json(app)):
        answer = send(http, ada, route, number)
        if answer.status_code == 400:
            assert_problem(answer, 400, "malformed_json")
        else:
            problem = assert_problem(answer, 422, "validation_error")
            # Minutes are whole numbers, and some of these are.
            assert problem["errors"].keys() | {MINUTES} == route.fields.keys() | {MINUTES}
    assert stored(sql) == before


def test_no_minutes_are_taken_that_cannot_be(app: Flask, http: httpx.Client, ada: Person) -> None:
    for number, route in product(NUMBERS, taking_json(app)):
        if MINUTES in route.fields:
            answer = send(http, ada, route, number, MINUTES)
            assert answer.status_code in (400, 422), number


def test_what_is_no_number_of_json_is_malformed(
    app: Flask, http: httpx.Client, ada: Person
) -> None:
    for literal, route in product(NO_NUMBERS, taking_json(app)):
        assert_problem(send(http, ada, route, literal), 400, "malformed_json")


def test_minutes_are_read_from_no_string(app: Flask, http: httpx.Client, ada: Person) -> None:
    for minutes, route in product(IN_STRINGS, taking_json(app)):
        if MINUTES in route.fields:
            answer = send(http, ada, route, json.dumps(minutes), MINUTES)
            assert_problem(answer, 422, "validation_error")


@each_size
def test_whomever_a_signed_token_names_it_opens_nothing(
    app: Flask, http: httpx.Client, register: People, size: int
) -> None:
    register()
    ada = register()
    assert ada.id != size
    for route in routes_of(app):
        if route.contract.bearer:
            token = ada.access_token if route.contract.bearer == "access" else ada.refresh_token
            headers = bearer(reminted(app, token, sub=str(size)))
            assert http.request(route.method, route.path, headers=headers).status_code == 401, route


@each_size
def test_whenever_a_signed_token_runs_out_it_is_read(
    app: Flask, http: httpx.Client, ada: Person, size: int
) -> None:
    answer = http.get("/auth/me", headers=bearer(reminted(app, ada.access_token, exp=size)))
    assert answer.status_code in (200, 401)


def taking_json(app: Flask) -> list[Route]:
    routes = [route for route in routes_of(app) if route.takes_json]
    assert len(routes) > 8
    return routes


def send(
    http: httpx.Client, person: Person, route: Route, literal: str, *fields: str
) -> httpx.Response:
    """A body with the literal, as it stands, in these fields or else in all."""
    mark = "this is where it goes"
    values = dict.fromkeys(fields or route.fields, mark)
    good = route.body_around(fields[0]) if fields else {}
    body = json.dumps(good | values).replace(f'"{mark}"', literal)
    headers = bearer(person.access_token) | {"Content-Type": "application/json"}
    return http.request(route.method, route.path, content=body.encode(), headers=headers)
