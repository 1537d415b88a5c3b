"""/auth and /referral, and nothing else, also answer under /api/v1."""

from collections import Counter

import httpx
import pytest
from flask import Flask

from tests.people import PASSWORD, People, bearer
from tests.problems import assert_problem
from tests.routes import NOUNS, routes_of, versioned

V1 = "/api/v1"
NOWHERE = [
    *("/api", "/api/", "/api/v1", "/api/v1/", "/api/v1/auth", "/api/v1/referral", "/api/v1/auth/"),
    *("/api/v1/nothing", "/api/v1/auth/nothing", "/api/v1authentic", "/api/v1auth/me"),
    *("/api/v1/authentic/me", "/api/v1/api/v1/auth/me", "/api/v1/api/auth/me", "/api/auth/me"),
    *("/api/v2/auth/me", "/api/v10/auth/me", "/API/v1/auth/me", "/v1/auth/me", "/x/api/v1/auth/me"),
    *("/api/v1//auth/me", "/api/v1/auth//me", "/api/v1/auth/me/", "/api/v1/auth/../healthz"),
]


def test_every_route_of_auth_and_referral_answers_alike_under_api_v1(
    app: Flask, http: httpx.Client
) -> None:
    routes = versioned(routes_of(app))
    assert routes
    for route in routes:
        plain, prefixed = (http.request(route.method, p + route.path) for p in ("", V1))
        assert plain.status_code != 404
        assert essence(prefixed) == essence(plain)


def test_a_wrong_method_is_answered_alike_under_api_v1(http: httpx.Client) -> None:
    response = http.put(f"{V1}/referral/code")
    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == http.put("/referral/code").headers["Allow"]


def test_nothing_else_answers_under_api_v1(app: Flask, http: httpx.Client) -> None:
    others = [route for route in routes_of(app) if not route.rule.startswith(NOUNS)]
    assert len(others) > 5
    for route in others:
        path = route.with_id("swagger.js")
        assert http.request(route.method, path).status_code == 200
        assert_problem(http.request(route.method, V1 + path), 404, "not_found")


@pytest.mark.parametrize("path", NOWHERE)
def test_what_resembles_a_versioned_path_is_not_found(http: httpx.Client, path: str) -> None:
    url = http.base_url.copy_with(raw_path=path.encode())
    assert_problem(http.send(httpx.Request("GET", url)), 404, "not_found")


def test_the_whole_story_works_under_api_v1(http: httpx.Client) -> None:
    grace = sign_up(http, "grace@example.com")
    code = http.post(f"{V1}/referral/code", json={"lifetime_minutes": 5}, headers=grace).json()
    sign_up(http, "linus@example.com", referral_code=code["code"])
    brought = http.get(f"{V1}/referral/referrals", headers=grace).json()
    assert [each["email"] for each in brought["referrals"]] == ["linus@example.com"]


def test_both_forms_of_a_path_are_one_service(http: httpx.Client, register: People) -> None:
    person = register()
    assert person.post(f"{V1}/auth/logout").status_code == 204
    assert_problem(person.get("/auth/me"), 401, "token_revoked")


def test_both_forms_of_a_path_are_counted_as_one_route(http: httpx.Client) -> None:
    http.get(f"{V1}/auth/me")
    assert V1 not in http.get("/metrics").text


def test_no_view_is_registered_twice(app: Flask) -> None:
    views = Counter(app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules())
    assert set(views.values()) == {1}
    assert not any(rule.rule.startswith("/api") for rule in app.url_map.iter_rules())


@pytest.mark.parametrize("host", ["", "a..b", "xn--", "x" * 300, "elsewhere.example:99999"])
def test_a_path_means_the_same_whatever_the_host(http: httpx.Client, host: str) -> None:
    assert_problem(http.get("/auth/me", headers={"Host": host}), 401, "token_missing")


def sign_up(http: httpx.Client, email: str, **terms: str) -> dict[str, str]:
    """Register under /api/v1; gives the headers to go on with."""
    body = {"email": email, "password": PASSWORD} | terms
    response = http.post(f"{V1}/auth/register", json=body)
    assert response.status_code == 201, response.text
    return bearer(response.json()["access_token"])


def essence(response: httpx.Response) -> tuple[int, object, str | None]:
    """What an answer means: all of it but the request id."""
    body = response.json()
    body.pop("request_id", None)
    return response.status_code, body, response.headers.get("WWW-Authenticate")
