"""Who may call the API from a browser: the programs of the origins that are listed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from flask import Flask

from app import create_app
from app.settings import load_settings
from tests.api.refusals import REFUSALS
from tests.people import People
from tests.routes import routes_of, versioned
from tests.serving import served

LISTED = ["https://app.example.com", "http://[::1]:3000", "capacitor://localhost"]
NOT_LISTED = [
    *("https://evil.example", "null", "*", "https://app.example.com.evil.example"),
    *("http://app.example.com", "https://app.example.com:444", "https://evil.app.example.com"),
    *("https://app-example.com", "http://1:3000", "https://evil.example/https://app.example.com"),
    "https://app.example.com, https://evil.example",
]
ASKED_FOR = {"Authorization", "Content-Type", "X-Request-ID", "Accept-Language"}
TOLD = {"X-Request-ID", "Retry-After", "WWW-Authenticate"} | {
    f"X-RateLimit-{what}" for what in ("Limit", "Remaining", "Reset")
}

by_every_listed = pytest.mark.parametrize("origin", LISTED)


@by_every_listed
def test_a_listed_origin_may_read_answers(cors: httpx.Client, origin: str) -> None:
    answer = cors.get("/auth/me", headers={"Origin": origin})
    assert_readable(answer, origin)
    assert listed(answer, "Expose-Headers") == TOLD


@by_every_listed
def test_a_listed_origin_may_send_what_a_route_takes(
    app: Flask, cors: httpx.Client, origin: str
) -> None:
    for route in versioned(routes_of(app)):
        for path in (route.path, "/api/v1" + route.path):
            answer = preflight(cors, path, origin, route.method, ASKED_FOR)
            assert answer.status_code == 200
            assert_readable(answer, origin)
            assert route.method in listed(answer, "Allow-Methods")
            assert listed(answer, "Allow-Headers") == ASKED_FOR
            assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_no_other_header_may_be_sent(cors: httpx.Client) -> None:
    answer = preflight(cors, "/auth/me", LISTED[0], "GET", {"Authorization", "X-Forwarded-For"})
    assert listed(answer, "Allow-Headers") == {"Authorization"}


@pytest.mark.parametrize("origin", NOT_LISTED)
def test_an_origin_that_is_not_listed_may_nothing(cors: httpx.Client, origin: str) -> None:
    assert cors_headers(cors.get("/auth/me", headers={"Origin": origin})) == set()
    assert cors_headers(preflight(cors, "/auth/me", origin, "GET", ASKED_FOR)) == set()


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_can_be_read(cors: httpx.Client, status: int) -> None:
    cors.headers["Origin"] = LISTED[0]
    answer = REFUSALS[status](cors)
    assert answer.status_code == status
    assert_readable(answer, LISTED[0])


def test_too_many_attempts_can_be_read_with_how_long_to_wait(cors: httpx.Client) -> None:
    cors.headers["Origin"] = LISTED[0]
    wrong = {"email": "a@example.com", "password": "wrong"}
    answers = (cors.post("/auth/login", json=wrong) for _ in range(20))
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert_readable(refusal, LISTED[0])
    assert "Retry-After" in refusal.headers


def test_a_crash_can_be_read(
    cors: httpx.Client, without_table: Callable[[str], AbstractContextManager[None]]
) -> None:
    person = People(cors)()
    cors.headers["Origin"] = LISTED[0]
    with without_table("codes"):
        answer = person.get("/referral/code")
    assert answer.status_code == 500
    assert_readable(answer, LISTED[0])


@pytest.mark.parametrize("origin", [*LISTED, NOT_LISTED[0], None])
def test_no_cache_gives_the_answer_of_one_origin_to_another(
    cors: httpx.Client, origin: str | None
) -> None:
    answer = cors.get("/auth/me", headers={"Origin": origin} if origin else {})
    assert answer.headers.get_list("Vary") == ["Origin"]


def test_only_the_api_is_for_other_origins(app: Flask, cors: httpx.Client) -> None:
    api = versioned(routes_of(app))
    others = [route for route in routes_of(app) if route not in api]
    assert {"/metrics", "/swagger", "/openapi.json"} <= {route.path for route in others}
    for route in others:
        for method in (route.method, "OPTIONS"):
            answer = cors.request(method, route.path, headers=asking(LISTED[0], "GET"))
            assert cors_headers(answer) == set(), route


def test_without_the_setting_nobody_may_anything(app: Flask, http: httpx.Client) -> None:
    for route in routes_of(app):
        for origin in (*LISTED, "http://127.0.0.1", "null"):
            headers = asking(origin, route.method)
            for method in (route.method, "OPTIONS"):
                answer = http.request(method, route.path, headers=headers)
                assert cors_headers(answer) == set(), route
                assert "Origin" not in answer.headers.get("Vary", "")


@pytest.fixture(scope="module")
def cors_url(settings_file: Path) -> Iterator[str]:
    environ = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_CORS_ORIGINS": " ".join(LISTED),
    }
    with served(create_app(load_settings(environ))) as url:
        yield url


@pytest.fixture
def cors(cors_url: str) -> Iterator[httpx.Client]:
    """A client of a service that lists some origins."""
    with httpx.Client(base_url=cors_url, timeout=30, verify=False) as client:
        yield client


def preflight(
    http: httpx.Client, path: str, origin: str, method: str, headers: set[str]
) -> httpx.Response:
    """What a browser asks before it sends such a request."""
    asked = {"Access-Control-Request-Headers": ",".join(sorted(headers)).lower()}
    return http.options(path, headers=asking(origin, method) | asked)


def asking(origin: str, method: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method}


def assert_readable(answer: httpx.Response, origin: str) -> None:
    """The program of this origin may read it, and only that; a browser would send no cookies."""
    assert answer.headers.get_list("Access-Control-Allow-Origin") == [origin]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def cors_headers(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


def listed(answer: httpx.Response, what: str) -> set[str]:
    """What stands in the header about this, by its usual spelling."""
    names = answer.headers[f"Access-Control-{what}"].split(", ")
    spellings = {name.lower(): name for name in ASKED_FOR | TOLD}
    return {spellings.get(name.lower(), name) for name in names}
