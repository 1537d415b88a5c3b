"""Whatever is sent where JSON belongs is refused in good order, on every route that takes JSON."""

import json
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.people import People
from tests.problems import assert_problem
from tests.routes import Route, routes_of

JSON = "application/json"
KIB = 1024
MINUTES = "lifetime_minutes"

MALFORMED = {
    "cut short": b'{"email": "a',
    "two values": b"{} {}",
    "no quotes": b"{email: 1}",
    "single quotes": b"{'email': 'a@example.com'}",
    "a comma too many": b'{"email": "a@example.com",}',
    "a comment": b'{} // "email"',
    "a raw line break": b'{"email": "a\n@example.com"}',
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": Infinity}',
    "-Infinity": b'{"email": -Infinity}',
    "more than any number": b'{"email": 1e999}',
    "a key twice": b'{"email": "a@example.com", "email": "b@example.com"}',
    "a key twice, escaped": b'{"email": "a@example.com", "em\\u0061il": "b@example.com"}',
    "a key twice, further down": b'{"email": {"a": 1, "a": 1}}',
    "2 KB of [": b"[" * 2 * KIB,
    "60 KB of [": b"[" * 60 * KIB,
    "60 KB of {": b'{"a":' * 12 * KIB,
    "nested a hundred deep": b'{"email": ' + b"[" * 100 + b"]" * 100 + b"}",
    "nested 30,000 deep": b"[" * 30_000 + b"]" * 30_000,
    "a lone high surrogate": b'{"email": "\\ud800"}',
    "a lone low surrogate": b'{"email": "\\udc00a@example.com"}',
    "surrogates the wrong way round": b'{"email": "\\udc00\\ud800"}',
    "a lone surrogate in a key": b'{"\\ud800": 1}',
    "a lone surrogate further down": b'{"email": [{"a": ["\\ud800"]}]}',
    "a surrogate in bytes": b'{"email": "\xed\xa0\x80"}',
    "UTF-16": '{"email": "a@example.com"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"email": "a@example.com"}'.encode("utf-16-le"),
    "UTF-32": '{"email": "a@example.com"}'.encode("utf-32"),
    "Latin-1": '{"email": "é@example.com"}'.encode("latin-1"),
    "a byte order mark": b'\xef\xbb\xbf{"email": "a@example.com"}',
    "an integer of 5,000 digits": b'{"email": ' + b"9" * 5000 + b"}",
    "NUL bytes": b"\0" * 10,
    "a form": b"email=a%40example.com",
}
OTHER_TYPES = [
    None,
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "application/problem+json",
    "application/vnd.api+json",
    "json",
    "*/*",
    "\xff",
]
NO_OBJECTS = [b"null", b"[]", b"[{}]", b'"email"', b"5", b"-0.0", b"1e99", b"true"]
UNKNOWN = ["surprise", "", "is_admin", "user_id", "é", "a\0b", "__class__", "x" * 10_000]
NO_STRINGS = [None, True, 0, 1.5, 10**4000, [], ["a@example.com"], {}, {"email": "a@example.com"}]
NO_MINUTES: list[Any] = [None, True, "60", "", 0, -1, 1.5, 10**9, 2**63, 10**4000, [], [60], {}]
AWKWARD_STRINGS = {
    "empty": "",
    "a blank": " ",
    "NUL": "\0",
    "NUL inside": "correct\0horse",
    "60 KB": "x" * 60_000,
    "60 KB of é": "é" * 30_000,
    "outside the basic plane": "\U0010ffff" * 200,
}


class Everywhere:
    """All routes that take JSON, asked by somebody who is logged in."""

    def __init__(self, http: httpx.Client, token: str, routes: list[Route]):
        self._http = http
        self._token = token
        self.routes = routes

    @property
    def fields(self) -> list[tuple[Route, str]]:
        return [(route, field) for route in self.routes for field in route.fields]

    def send(self, body: bytes, content_type: str | None = JSON) -> dict[str, tuple[int, str]]:
        """Send the same to each; gives what each answers."""
        return {
            str(route): refusal(self.ask(route, body, content_type))
            for route in self.routes
            if body or not route.contract.optional_body
        }

    def try_value(self, value: Any, fields: list[tuple[Route, str]]) -> dict[str, httpx.Response]:
        """Send the value in each of the fields, beside good ones; gives what each answers."""
        return {
            f"{route} {field}": self.ask_json(route, route.body_around(field) | {field: value})
            for route, field in fields
        }

    def ask_json(self, route: Route, body: Any) -> httpx.Response:
        return self.ask(route, json.dumps(body, ensure_ascii=False).encode())

    def ask(self, route: Route, body: bytes, content_type: str | None = JSON) -> httpx.Response:
        headers = [(b"Authorization", f"Bearer {self._token}".encode())]
        if content_type is not None:
            headers.append((b"Content-Type", content_type.encode("latin-1")))
        return self._http.request(route.method, route.path, content=body, headers=headers)


@pytest.fixture
def everywhere(http: httpx.Client, register: People, app: Flask) -> Everywhere:
    routes = [route for route in routes_of(app) if route.takes_json]
    return Everywhere(http, register().access_token, routes)


def test_there_are_routes_that_take_json(everywhere: Everywhere) -> None:
    assert {"POST /auth/register", "PATCH /referral/code"} <= set(map(str, everywhere.routes))


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_refused_everywhere(everywhere: Everywhere, body: bytes) -> None:
    assert exceptions(everywhere.send(body), (400, "malformed_json")) == {}


def test_an_empty_body_is_malformed_where_one_is_needed(everywhere: Everywhere) -> None:
    assert exceptions(everywhere.send(b""), (400, "malformed_json")) == {}


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_another_content_type_is_refused_everywhere(
    everywhere: Everywhere, content_type: str | None
) -> None:
    answers = everywhere.send(b"{}", content_type)
    assert exceptions(answers, (415, "unsupported_media_type")) == {}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_of_its_names_is_read_everywhere(
    everywhere: Everywhere, content_type: str
) -> None:
    assert exceptions(everywhere.send(b"[]", content_type), (422, "validation_error")) == {}


@pytest.mark.parametrize("body", NO_OBJECTS)
def test_json_that_is_no_object_is_refused_everywhere(everywhere: Everywhere, body: bytes) -> None:
    assert exceptions(everywhere.send(body), (422, "validation_error")) == {}


@pytest.mark.parametrize("name", UNKNOWN, ids=lambda name: repr(name)[:20])
def test_a_field_nobody_asked_for_is_refused_by_name_everywhere(
    everywhere: Everywhere, name: str
) -> None:
    answers = everywhere.try_value("anything", [(route, name) for route in everywhere.routes])
    assert exceptions(faults_in(answers), [name]) == {}


def test_a_missing_field_is_named_everywhere(everywhere: Everywhere) -> None:
    for route, field in everywhere.fields:
        if route.fields[field].required:
            assert faults(everywhere.ask_json(route, route.body_around(field))) == [field]


@pytest.mark.parametrize("value", NO_STRINGS, ids=lambda value: repr(value)[:20])
def test_anything_but_a_string_where_one_belongs_is_refused_everywhere(
    everywhere: Everywhere, value: Any
) -> None:
    strings = [each for each in everywhere.fields if each[1] != MINUTES]
    answers = faults_in(everywhere.try_value(value, strings))
    assert answers == {f"{route} {field}": [field] for route, field in strings}


@pytest.mark.parametrize("value", NO_MINUTES, ids=lambda value: repr(value)[:20])
def test_anything_but_a_sane_number_of_minutes_is_refused_everywhere(
    everywhere: Everywhere, value: Any
) -> None:
    minutes = [each for each in everywhere.fields if each[1] == MINUTES]
    assert exceptions(faults_in(everywhere.try_value(value, minutes)), [MINUTES]) == {}


@pytest.mark.parametrize("value", AWKWARD_STRINGS.values(), ids=AWKWARD_STRINGS)
def test_an_awkward_string_is_refused_in_good_order_everywhere(
    everywhere: Everywhere, value: str
) -> None:
    answers = everywhere.try_value(value, everywhere.fields)
    statuses = {where: refusal(response)[0] for where, response in answers.items()}
    assert {where: status for where, status in statuses.items() if status >= 500} == {}


def test_a_string_of_64_kib_is_too_large_everywhere(everywhere: Everywhere) -> None:
    answers = everywhere.try_value("x" * 64 * KIB, everywhere.fields)
    assert {refusal(response) for response in answers.values()} == {(413, "body_too_large")}


def exceptions(answers: dict[str, Any], expected: Any) -> dict[str, Any]:
    """The routes that answered something else, and what."""
    assert answers
    return {where: answer for where, answer in answers.items() if answer != expected}


def refusal(response: httpx.Response) -> tuple[int, str]:
    """The status and the code of what is a problem in form."""
    assert response.is_error, response.text
    code = response.json()["code"]
    assert_problem(response, response.status_code, code)
    return response.status_code, code


def faults_in(answers: dict[str, httpx.Response]) -> dict[str, list[str]]:
    return {where: faults(response) for where, response in answers.items()}


def faults(response: httpx.Response) -> list[str]:
    """The fields that a validation error complains about."""
    return list(assert_problem(response, 422, "validation_error")["errors"])
