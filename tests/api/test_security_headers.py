"""What every answer forbids a browser to do with it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from flask import Flask

from tests.api.refusals import REFUSALS
from tests.deployed.every_route import ROUTES, Scene
from tests.people import People
from tests.routes import routes_of, versioned

EVERYWHERE = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# A page says what it needs; what is no page needs nothing.
NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
PAGES = {"/swagger", "/redoc", "/openapi.json", "/reset-password", "/verify-email"}
FILES = ["/static/swagger.js", "/static/account.css", "/static/swagger-ui/favicon-32x32.png"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"]


def test_every_method_of_every_route_has_them(app: Flask, http: httpx.Client) -> None:
    paths = {route.path for route in routes_of(app)}
    paths |= {"/api/v1" + route.path for route in versioned(routes_of(app))}
    for path in sorted(paths):
        for method in METHODS:
            assert_protected(http.request(method, path))


@pytest.mark.parametrize("path", FILES)
def test_files_have_them_and_so_has_the_word_that_they_are_unchanged(
    http: httpx.Client, path: str
) -> None:
    response = http.get(path)
    again = http.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (response.status_code, again.status_code) == (200, 304)
    for answer in (response, again):
        assert_protected(answer)
        assert answer.headers["Content-Security-Policy"] == NOTHING


@pytest.mark.parametrize("status", REFUSALS)
def test_every_kind_of_refusal_has_them(http: httpx.Client, status: int) -> None:
    response = REFUSALS[status](http)
    assert response.status_code == status
    assert_protected_and_kept_by_nobody(response)


def test_too_many_attempts_have_them(http: httpx.Client, register: People) -> None:
    wrong = {"email": register().email, "password": "wrong"}
    answers = (http.post("/auth/login", json=wrong) for _ in range(20))
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert_protected_and_kept_by_nobody(refusal)


def test_a_crash_has_them(
    register: People, without_table: Callable[[str], AbstractContextManager[None]]
) -> None:
    person = register()
    with without_table("codes"):
        response = person.get("/referral/code")
    assert response.status_code == 500
    assert_protected_and_kept_by_nobody(response)


def test_no_page_gives_up_what_the_other_answers_have(http: httpx.Client) -> None:
    for path in PAGES:
        response = http.get(path)
        assert_protected(response)
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_nothing_but_pages_and_files_is_allowed_anything_or_kept(
    app: Flask, http: httpx.Client
) -> None:
    others = {route.path for route in routes_of(app) if route.endpoint != "static"} - PAGES
    assert others
    for path in others:
        assert_protected_and_kept_by_nobody(http.get(path))


def test_no_answer_with_tokens_is_kept(app: Flask, http: httpx.Client) -> None:
    with_tokens = [
        str(route)
        for route in routes_of(app)
        if route.contract.returns and "access_token" in route.contract.returns.fields
    ]
    assert len(with_tokens) == 4
    for name in with_tokens:
        response = ROUTES[name][1](Scene(http))
        assert "access_token" in response.json()
        assert_protected_and_kept_by_nobody(response)


def assert_protected(response: httpx.Response) -> None:
    """It has each header, once; the policy on what a page may load as well; and no cookie."""
    told = {name: response.headers.get(name) for name in EVERYWHERE}
    assert told == EVERYWHERE, response.request
    assert len(response.headers.get_list("Content-Security-Policy")) == 1, response.request
    assert len(response.headers.get_list("Cache-Control")) == 1, response.request
    assert "Set-Cookie" not in response.headers, response.request


def assert_protected_and_kept_by_nobody(response: httpx.Response) -> None:
    assert_protected(response)
    assert response.headers["Content-Security-Policy"] == NOTHING, response.request
    assert response.headers["Cache-Control"] == "no-store", response.request
