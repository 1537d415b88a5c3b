"""Ids of every form in paths, and limits, cursors and addresses of every form in queries."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from itertools import product
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.routes import Route, routes_of

Sql = Callable[..., list[tuple[Any, ...]]]

ABSENT_IDS = [2, 10**6, 2**31 - 1, 2**31, 2**32, 2**63 - 1]
# As they stand in the path; to a lenient reader several of them mean 1.
IMPOSSIBLE_IDS = {
    "numbers otherwise": ["00", "01", "%2B1", "+1", "1.0", "1e0", "0x1", "0b1", "1_0", "1,", "1;"],
    "too small": ["0", "-1", "-0"],
    "too large": [str(2**63), str(2**64), str(2**64 + 1), "9" * 30, "9" * 4000],
    "words": ["one", "null", "true", "[]", "{}", "NaN", "I", "me"],
    "with blanks": ["%201", "1%20", "1%0A", "%091", "1%00", "%001", "1%0D%0A"],
    "other scripts' ones": ["%D9%A1", "%EF%BC%91", "%C2%B9", "%E2%91%A0"],
    "bytes": ["%ED%A0%80", "%FF", "%F0%9F%92%A9"],
    "more than one step": ["1%2F", "1%2F1", "%2F1", "1/", "1//"],
    "attempts": ["1%3F", "1%23", "1%25", "'", "1%27%20OR%201=1", "1--", "%3C1%3E"],
}
BAD_LIMITS = {
    "none": [""],
    "too small": ["0", "-1", "-" + "9" * 4000],
    "too large": ["101", "1000", str(2**63), "9" * 4000],
    "words": ["ten", "null", "true", "[]", "NaN", "inf", "'"],
    "numbers otherwise": ["1.0", "1e1", "0x10", "1_0", "+5", "5,5", "5;"],
    "with blanks": [" 5", "5 ", "5\n", "5\0"],
    "other scripts' digits": ["\u0665", "\uff15", "\u00b2"],
}
BAD_CURSORS: dict[str, list[str]] = {
    "nothing": ["", " ", "=", "====", "\0", "\n"],
    "short": ["0", "1", "x", "!", "é", "\u0665", "💩"],
    "words": ["null", "x" * 4000],
}
# What a cursor might hold that this service never gave out.
BAD_POSITIONS = {
    "parts": [b"", b".", b"1", b"1.", b".1", b"1.1.1", b"1,1", b'{"id": 1}'],
    "numbers otherwise": [b"-1.1", b"1.-1", b"1e5.1", b"1_0.1", b"0x1.1", b"NaN.1", b"inf.1"],
    "with blanks": [b" 1.1", b"1.1 ", b"1.1\n"],
    "bytes": [b"\xff.1", "\u0665.1".encode()],
    "too large": [b"9" * 18 + b".1", b"9" * 400 + b".1", b"1.%d" % 2**63, b"1." + b"9" * 400],
}
BAD_ADDRESSES = {
    "nothing": ["", " ", "\0", "@", "%", "%00", "[]", "{}"],
    "half of one": ["grace", "grace@", "@example.com", "\n@example.com", "grace@example"],
    "bad hosts": ["grace@example..com", "grace@-.com", "grace@xn--.com", "grace@[::1"],
    "bad signs": ["a b@example.com", "grace@@example.com", "grace\0@example.com", "a@\u202e.com"],
    "bad ends": ["grace@example.com\0", "grace@example.com\n", "grace@\U0010ffff.com"],
    "too long": [
        "x" * 4000,
        "x" * 250 + "@example.com",
        "a@" + "x." * 500 + "com",
        "a@" + "x" * 70,
    ],
}


@pytest.fixture
def routes(app: Flask) -> list[Route]:
    return routes_of(app)


@pytest.fixture
def owner(register: People) -> Person:
    """Whoever is the first in an empty database, and has its first code: both have the id 1."""
    owner = register()
    assert (owner.id, owner.publish()["id"]) == (1, 1)
    return owner


@pytest.fixture
def admin(register: People, sql: Sql) -> Person:
    admin = register()
    sql("UPDATE users SET is_admin = true WHERE id = %s", admin.id)
    return admin


@pytest.mark.parametrize("ids", IMPOSSIBLE_IDS.values(), ids=IMPOSSIBLE_IDS)
def test_an_id_that_cannot_exist_is_not_found(
    http: httpx.Client, owner: Person, routes: list[Route], ids: list[str]
) -> None:
    for route, id_ in product(taking_ids(routes), ids):
        url = http.base_url.copy_with(raw_path=route.with_id(id_).encode())
        response = http.send(httpx.Request(route.method, url, headers=bearer(owner.access_token)))
        assert_problem(response, 404, "not_found")


@pytest.mark.parametrize("id_", ABSENT_IDS)
def test_an_id_that_does_not_exist_is_not_found(
    owner: Person, routes: list[Route], id_: int
) -> None:
    for route in taking_ids(routes):
        assert_problem(owner.request(route.method, route.with_id(str(id_))), 404, "not_found")


@pytest.mark.parametrize("id_", [10**6, 2**31, 2**63 - 1])
def test_an_id_that_does_not_exist_is_not_found_by_an_admin(admin: Person, id_: int) -> None:
    assert_problem(admin.get(f"/referral/referrals/{id_}"), 404, "not_found")


def test_an_id_that_exists_is_found(owner: Person, routes: list[Route]) -> None:
    answers = {owner.request(each.method, each.path).status_code for each in taking_ids(routes)}
    assert answers <= {200, 204}


def test_a_large_id_that_exists_is_found(owner: Person, sql: Sql) -> None:
    sql("UPDATE codes SET id = DEFAULT")
    sql("ALTER TABLE codes ALTER id RESTART WITH 9223372036854775807")
    large = owner.publish()["id"]
    assert owner.post(f"/referral/codes/{large}/deactivate").json()["id"] == 2**63 - 1


@pytest.mark.parametrize("limits", BAD_LIMITS.values(), ids=BAD_LIMITS)
def test_a_bad_limit_is_refused(owner: Person, routes: list[Route], limits: list[str]) -> None:
    for path, limit in product(list_paths(routes), limits):
        assert faults(owner.get(path, limit=limit)) == ["limit"]


@pytest.mark.parametrize("limit", ["1", "50", "100"])
def test_a_good_limit_is_taken(owner: Person, routes: list[Route], limit: str) -> None:
    for path in list_paths(routes):
        assert owner.get(path, limit=limit).status_code == 200


@pytest.mark.parametrize("cursors", BAD_CURSORS.values(), ids=BAD_CURSORS)
def test_a_bad_cursor_is_refused(owner: Person, routes: list[Route], cursors: list[str]) -> None:
    for path, cursor in product(list_paths(routes), cursors):
        assert faults(owner.get(path, cursor=cursor)) == ["cursor"]


@pytest.mark.parametrize("positions", BAD_POSITIONS.values(), ids=BAD_POSITIONS)
def test_a_made_up_cursor_is_refused(
    owner: Person, routes: list[Route], positions: list[bytes]
) -> None:
    for path, position in product(list_paths(routes), positions):
        cursor = urlsafe_b64encode(position).decode().rstrip("=")
        assert faults(owner.get(path, cursor=cursor)) == ["cursor"]


@pytest.mark.parametrize("spoil", ["{}!", "!{}", "{} ", "{}\n", "~{}~", "{}é", "{}\0", "{}."])
def test_a_cursor_that_was_tampered_with_is_refused(owner: Person, spoil: str) -> None:
    owner.publish()
    cursor = owner.get("/referral/codes", limit=1).json()["next_cursor"]
    assert faults(owner.get("/referral/codes", cursor=spoil.format(cursor))) == ["cursor"]


def test_a_bad_limit_and_a_bad_cursor_are_both_named(owner: Person, routes: list[Route]) -> None:
    for path in list_paths(routes):
        assert sorted(faults(owner.get(path, limit=0, cursor="!"))) == ["cursor", "limit"]


def test_what_nobody_knows_in_a_query_is_ignored(owner: Person, routes: list[Route]) -> None:
    for path in list_paths(routes):
        assert owner.get(path, colour="red").status_code == 200


@pytest.mark.parametrize("addresses", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
def test_a_bad_address_in_a_query_is_refused(http: httpx.Client, addresses: list[str]) -> None:
    for address in addresses:
        assert faults(http.get("/referral/code/by-email", params={"email": address})) == ["email"]


@pytest.mark.parametrize("address", ["%ED%A0%80@example.com", "%FF@example.com", "a%ED%B0%80"])
def test_bytes_that_are_no_text_in_a_query_find_nobody(http: httpx.Client, address: str) -> None:
    response = http.get(f"/referral/code/by-email?email={address}")
    assert response.status_code in (404, 422)


@pytest.mark.parametrize("query", ["", "?", "?Email=grace@example.com", "?email", "?%00", "?&&=&"])
def test_a_look_up_without_an_address_is_refused(http: httpx.Client, query: str) -> None:
    assert faults(http.get(f"/referral/code/by-email{query}")) == ["email"]


def taking_ids(routes: list[Route]) -> list[Route]:
    """Those with an id in their path, the destructive ones last."""
    taking = [route for route in routes if route.takes_id]
    assert len(taking) >= 4
    return sorted(taking, key=lambda route: route.method, reverse=True)


def list_paths(routes: list[Route]) -> list[str]:
    """The paths of all lists, those of the person 1 where they are somebody's."""
    paths = [route.path for route in routes if {"limit", "cursor"} <= route.fields.keys()]
    assert len(paths) >= 3
    return paths


def faults(response: httpx.Response) -> list[str]:
    """The parameters that a validation error complains about."""
    return list(assert_problem(response, 422, "validation_error")["errors"])
