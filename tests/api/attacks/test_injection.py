"""What somebody sends stays what they sent: no markup, no header, no formula, no statement."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from flask import Flask

from tests.deployed.every_route import ROUTES, Scene
from tests.endings import Sql
from tests.people import People, Person, bearer
from tests.routes import Route, routes_of
from tests.stored import stored

PAYLOADS = {
    "markup": "\"'><script src=//canary>alert('canary')</script><img onerror=alert(1)>&#60;",
    "a header": "canary\r\nSet-Cookie: canary=1\r\nLocation: //canary\r\n\r\n<html>",
    "a line of Unicode's": "canary\u2028\x85Set-Cookie: canary=1",
    "a template": "{{7*191}}${7*191}#{7*191}%(canary)s{0.__class__}",
    "a formula": '=HYPERLINK("//canary","x")',
    "a statement": "canary'; UPDATE users SET is_admin = true; --",
    "a command to a terminal": "\x1b[2J\x1b]0;canary\x07",
}
HEADERS = ["Accept-Language", "Origin", "Referer", "User-Agent", "X-Request-ID", "Cookie", "Host"]
# The rest of a payload goes into a header percent-encoded.
SENDABLE = "<>'\"{}$#=;:/@*|!, "
PAGES = {"/swagger", "/redoc", "/reset-password", "/verify-email"}
TYPES = {
    "application/json",
    "application/problem+json",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
}
# What changes by being asked for, whatever is sent.
COUNTED = ("failed_attempts", "outbox")

each_payload = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)


@each_payload
def test_nothing_that_is_sent_becomes_markup_or_a_header(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql, payload: str
) -> None:
    before = stored(sql, *COUNTED)
    for answer in everything_tried(app, http, ada, payload):
        assert answer.status_code < 500, answer.request
        assert not any("canary" in value for value in answer.headers.values()), answer.request
        assert "Set-Cookie" not in answer.headers
        if is_html(answer):
            assert answer.request.url.path in PAGES
            assert "canary" not in answer.text
            assert "1337" not in answer.text
        elif "canary" in answer.text:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert stored(sql, *COUNTED) == before


@each_payload
def test_whatever_stands_in_a_header_a_page_stays_the_same(
    http: httpx.Client, payload: str
) -> None:
    headers = dict.fromkeys(HEADERS, quote(payload, safe=SENDABLE))
    for path in sorted(PAGES):
        assert http.get(path, headers=headers).text == http.get(path).text, path


def test_nothing_is_answered_as_a_table(http: httpx.Client) -> None:
    """So no spreadsheet takes a code or an address that begins with `=` or `-` for a formula."""
    for name, (status, ask) in ROUTES.items():
        http.headers["Accept"] = "text/csv, application/vnd.ms-excel"
        answer = ask(Scene(http))
        assert answer.status_code == status, name
        content_type = answer.headers.get("Content-Type")
        assert content_type in TYPES if answer.content else content_type is None, name
        assert "Content-Disposition" not in answer.headers, name


@pytest.mark.parametrize("local_part", ["=1+1", "+1", "-1", "=cmd|'calc'!a0"])
def test_an_address_that_could_be_a_formula_goes_out_as_it_is(
    http: httpx.Client, register: People, local_part: str
) -> None:
    email = f"{local_part}@example.com"
    ada = register()
    register(email=email, referral_code=ada.publish(code="-1-1")["code"])
    answer = ada.get("/referral/referrals")
    assert answer.json()["referrals"][0]["email"] == email
    assert answer.headers["Content-Type"] == "application/json"


def everything_tried(
    app: Flask, http: httpx.Client, ada: Person, payload: str
) -> Iterator[httpx.Response]:
    """Every route, with the payload in each place that it may read, and beside it."""
    authorization = bearer(ada.access_token)
    for route in routes_of(app):
        if route.rule == "/auth/logout":
            continue
        in_headers = dict.fromkeys(HEADERS, quote(payload, safe=SENDABLE)) | authorization
        yield http.request(route.method, route.path, headers=in_headers)
        for path, sent in ways(route, payload):
            yield http.request(route.method, path, headers=authorization, **sent)


def ways(route: Route, payload: str) -> Iterator[tuple[str, dict[str, Any]]]:
    quoted = quote(payload, safe="")
    if "<" in route.rule:
        yield route.with_id(quoted), {}
    yield f"{route.path}/{quoted}", {}
    yield route.path, {"params": dict.fromkeys({*route.fields, "email", "url", "next"}, payload)}
    if route.contract.accepts:
        kind = "data" if route.contract.location == "form" else "json"
        yield route.path, {kind: dict.fromkeys(route.fields, payload)}
        yield route.path, {kind: {payload: payload}}


def is_html(answer: httpx.Response) -> bool:
    return "html" in answer.headers.get("Content-Type", "")
