"""Policies that hold for every route, so that no new one forgets them."""

from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.api.contract import Contract
from app.settings import load_settings
from tests.routes import HEALTH, LIMITED, NOUNS, Route, routes_of, versioned

# Those that anybody may ask; every other one of /auth and /referral needs a token.
PUBLIC = {
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/token",
    "POST /auth/revoke",
    "POST /auth/reset_password",
    "POST /auth/reset_password/confirm",
    "POST /auth/verify_email",
    "GET /referral/code/by-email",
    "POST /referral/code/by-email",
}
# A new session in exchange for a token of its own kind.
BY_REFRESH_TOKEN = {"POST /auth/refresh"}
# What is signed cannot be guessed, and whoever fears a thief is to end the session at any time.
UNLIMITED = {"POST /auth/revoke"}
# Files, pages and Prometheus' text: nothing goes in, and what comes out is not JSON of ours.
WITHOUT_CONTRACT = {
    "GET /static/{filename}",
    "GET /openapi.json",
    "GET /swagger",
    "GET /redoc",
    "GET /reset-password",
    "GET /verify-email",
    "GET /metrics",
}


@pytest.fixture(scope="module")
def app(settings_file: Path) -> Flask:
    return create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))


@pytest.fixture
def routes(app: Flask) -> list[Route]:
    return routes_of(app)


def test_every_route_of_auth_and_referral_needs_a_token_but_the_public_ones(
    routes: list[Route],
) -> None:
    open_to_all = {str(route) for route in versioned(routes) if route.contract.bearer is None}
    assert open_to_all == PUBLIC


def test_every_route_that_needs_a_token_refuses_without_one(
    app: Flask, routes: list[Route]
) -> None:
    client = app.test_client()
    for route in versioned(routes):
        answer = client.open(route.path, method=route.method).get_json()
        assert (answer.get("code") == "token_missing") == (str(route) not in PUBLIC), route


def test_a_token_is_asked_for_before_anything_that_was_sent_is_read(
    app: Flask, routes: list[Route]
) -> None:
    client = app.test_client()
    for route in versioned(routes):
        if route.contract.bearer:
            answer = client.open(route.path, method=route.method, data="{", query_string="limit=x")
            assert answer.get_json()["code"] == "token_missing", route


def test_only_refreshing_takes_a_refresh_token(routes: list[Route]) -> None:
    takers = {str(route) for route in routes if route.contract.bearer == "refresh"}
    assert takers == BY_REFRESH_TOKEN
    assert {route.contract.bearer for route in routes} == {None, "access", "refresh"}


def test_every_public_route_is_limited_and_others_as_agreed(routes: list[Route]) -> None:
    assert {str(route) for route in routes if route.contract.limited} == LIMITED
    assert PUBLIC | BY_REFRESH_TOKEN <= LIMITED | UNLIMITED


def test_every_view_has_a_contract(routes: list[Route]) -> None:
    without = {str(route) for route in routes if route.contract == Contract()}
    assert without == WITHOUT_CONTRACT


def test_every_route_is_of_a_known_kind(routes: list[Route]) -> None:
    known = {str(route) for route in routes if route.rule.startswith((*NOUNS, *HEALTH))}
    assert {str(route) for route in routes} - known == WITHOUT_CONTRACT


def test_every_view_has_a_docstring_that_begins_with_a_summary(
    app: Flask, routes: list[Route]
) -> None:
    for route in routes:
        if str(route) not in WITHOUT_CONTRACT:
            summary, *rest = (app.view_functions[route.endpoint].__doc__ or "").splitlines()
            assert summary[0].isupper(), route
            assert not summary.endswith("."), route
            assert not rest or rest[0] == "", route


def test_every_view_has_a_name_of_its_own(app: Flask, routes: list[Route]) -> None:
    names = [app.view_functions[route.endpoint].__name__ for route in versioned(routes)]
    assert len(names) == len(set(names))


def test_what_changes_nothing_is_asked_for_with_get(routes: list[Route]) -> None:
    for route in routes:
        if route.method == "GET":
            assert route.contract.location == "query" or not route.contract.accepts, route


def test_every_id_in_a_path_is_read_as_one(routes: list[Route]) -> None:
    for route in versioned(routes):
        assert route.rule.count("<") == route.rule.count("<id:"), route


def test_every_list_is_asked_for_page_by_page(routes: list[Route]) -> None:
    for route in routes:
        shape = route.contract.returns
        if shape is not None and "next_cursor" in shape.fields:
            assert route.fields.keys() == {"limit", "cursor"}, route


def test_no_json_body_takes_what_nobody_asked_for(routes: list[Route]) -> None:
    for route in routes:
        if route.takes_json:
            assert route.contract.accepts is not None
            assert route.contract.accepts.unknown == "raise", route


def test_no_answer_has_anything_secret(routes: list[Route]) -> None:
    for route in routes:
        shape = route.contract.returns
        names = set() if shape is None else set(shape.fields)
        assert not {name for name in names if "password" in name or "hash" in name}, route
