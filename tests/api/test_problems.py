"""Every error is a problem (RFC 9457), whatever went wrong."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import repeat
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.people import People, bearer
from tests.problems import assert_problem
from tests.routes import Route, routes_of, versioned

LARGEST_BODY = 64 * 1024
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNKNOWN_PATHS = [
    "/",
    "/nothing",
    "/auth",
    "/auth/",
    "/auth/nothing",
    "/auth/login/",
    "/auth//login",
    "/AUTH/login",
    "/referral",
    "/referral/codes/",
    "/healthz/",
    "/auth/%00",
    "/auth/%ff",
    "/auth/%ed%a0%80",
    "/%F0%9F%92%A9",
    "/" + "a" * 5000,
    "/<script>alert(1)</script>",
    "/apidocs/",
    "/console",
]
NO_FILES = [
    "/static",
    "/static/",
    "/static/nothing.js",
    "/static/swagger-ui",
    "/static/swagger-ui/",
    "/static/../version.py",
    "/static/%2e%2e/version.py",
    "/static/..%2fversion.py",
    "/static/..%5cversion.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/" + "a" * 5000,
]
LOGIN = {"email": "a@example.com", "password": "x"}
# What would tell a stranger how the service is made.
INNER_WORDS = ("Traceback", "File ", "psycopg2", "sqlalchemy", "SELECT", "relation", "<", ".py")


@pytest.mark.parametrize("path", UNKNOWN_PATHS, ids=lambda path: path[:40])
def test_an_unknown_path_is_not_found(http: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        body = assert_problem(request_exactly(http, method, path), 404, "not_found")
        assert (body["type"], body["title"]) == ("about:blank", "Not Found")


@pytest.mark.parametrize("path", NO_FILES, ids=lambda path: path[:40])
def test_a_file_that_is_not_served_is_not_found(http: httpx.Client, path: str) -> None:
    assert_problem(request_exactly(http, "GET", path), 404, "not_found")


def test_a_wrong_method_is_told_the_right_ones_everywhere(app: Flask, http: httpx.Client) -> None:
    for path, allowed in allowed_methods(app).items():
        for method in KNOWN_METHODS - allowed - {"HEAD"}:
            response = http.request(method, path)
            assert_problem(response, 405, "method_not_allowed")
            assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "M-SEARCH", "GETS"])
def test_a_method_nobody_knows_is_not_allowed(http: httpx.Client, method: str) -> None:
    assert_problem(http.request(method, "/auth/me"), 405, "method_not_allowed")


def test_head_is_told_no_without_a_body(http: httpx.Client) -> None:
    response = http.head("/auth/login")
    assert (response.status_code, response.content) == (405, b"")
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_a_body_of_64_kib_is_read(http: httpx.Client, content_type: str | None) -> None:
    response = http.post("/auth/login", content=b" " * LARGEST_BODY, headers=of_type(content_type))
    assert response.status_code in (400, 415)


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 1024 * 1024, 3 * 1024 * 1024])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_larger_body_is_too_large(http: httpx.Client, size: int, chunked: bool) -> None:
    body: Any = chunks(size) if chunked else b" " * size
    response = http.post("/auth/login", content=body, headers=of_type("application/json"))
    assert_problem(response, 413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_too_large_a_body_is_too_large_on_every_route(
    app: Flask, http: httpx.Client, chunked: bool
) -> None:
    for route in routes_of(app):
        body: Any = chunks(LARGEST_BODY + 1) if chunked else b" " * (LARGEST_BODY + 1)
        response = http.request(route.method, route.path, content=body)
        assert_problem(response, 413, "body_too_large")


def test_after_too_large_a_body_the_connection_still_serves(http: httpx.Client) -> None:
    for size in (LARGEST_BODY + 1, 1024 * 1024):
        assert http.post("/auth/login", content=b" " * size).status_code == 413
        assert http.get("/healthz").status_code == 200


def test_a_body_in_chunks_is_read(http: httpx.Client, register: People) -> None:
    person = register()
    body = f'{{"email": "{person.email}", "password": "{person.password}"}}'
    content = iter([piece.encode() for piece in body])
    response = http.post("/auth/login", content=content, headers=of_type("application/json"))
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/auth/token", "/auth/revoke"])
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", None])
def test_what_takes_a_form_takes_no_other_content_type(
    http: httpx.Client, path: str, content_type: str | None
) -> None:
    response = http.post(path, content=b"token=x", headers=of_type(content_type))
    assert_problem(response, 415, "unsupported_media_type")


def test_a_crash_says_nothing_of_the_inside(
    http: httpx.Client,
    register: People,
    without_table: Callable[[str], AbstractContextManager[None]],
) -> None:
    person = register()
    with without_table("codes"):
        response = person.get("/referral/code")
    assert_problem(response, 500, "internal_error")
    assert [word for word in INNER_WORDS if word in response.text] == []


@pytest.mark.parametrize("path", ["/auth/token", "/auth/login"])
def test_a_crash_is_a_problem_to_oauth_clients_too(
    http: httpx.Client,
    without_table: Callable[[str], AbstractContextManager[None]],
    path: str,
) -> None:
    credentials = {"username": "a@example.com", "password": "x", "grant_type": "password"}
    body: Any = {"data": credentials} if path == "/auth/token" else {"json": LOGIN}
    with without_table("failed_attempts"):
        response = http.post(path, **body)
    assert_problem(response, 500, "internal_error")


def test_after_a_crash_the_service_goes_on(
    register: People, without_table: Callable[[str], AbstractContextManager[None]]
) -> None:
    person = register()
    with without_table("codes"):
        assert person.get("/referral/code").status_code == 500
    assert person.publish() == person.get("/referral/code").json()


def test_a_token_is_asked_for_as_rfc_6750_says(app: Flask, http: httpx.Client) -> None:
    protected = [route for route in versioned(routes_of(app)) if route.contract.bearer]
    assert protected
    for route in protected:
        response = http.request(route.method, route.path)
        assert_problem(response, 401, "token_missing")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_bad_token_is_named_in_the_challenge(app: Flask, http: httpx.Client) -> None:
    for route in (route for route in routes_of(app) if route.contract.bearer):
        response = http.request(route.method, route.path, headers=bearer("x.y.z"))
        assert_problem(response, 401, "token_invalid")
        assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def allowed_methods(app: Flask) -> dict[str, set[str]]:
    """What each path takes, by the rules it is routed by."""
    routes: list[Route] = routes_of(app)
    paths = {route.path: {"OPTIONS"} for route in routes}
    for route in routes:
        paths[route.path] |= {route.method} | ({"HEAD"} if route.method == "GET" else set())
    return paths


def of_type(content_type: str | None) -> dict[str, str]:
    return {"Content-Type": content_type} if content_type else {}


def chunks(size: int) -> Iterator[bytes]:
    """A body of that many bytes, whose length nobody is told."""
    whole, rest = divmod(size, 4096)
    yield from repeat(b" " * 4096, whole)
    yield b" " * rest


def request_exactly(http: httpx.Client, method: str, path: str) -> httpx.Response:
    """Send this path, with nothing about it tidied up."""
    url = http.base_url.copy_with(raw_path=path.encode())
    return http.send(httpx.Request(method, url))
