"""How long a code works: either form of a lifetime, and none that makes no sense."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.endings import Sql, expire
from tests.people import People, Person
from tests.problems import assert_problem

SENSIBLE_DATES = {
    "2033-01-31T12:00:00Z": "2033-01-31T12:00:00Z",
    "2033-01-31T12:00:00+00:00": "2033-01-31T12:00:00Z",
    "2033-01-31T12:00:00-00:00": "2033-01-31T12:00:00Z",
    "2033-01-31T12:00:00+05:30": "2033-01-31T06:30:00Z",
    "2033-01-31T23:30:00-02:00": "2033-02-01T01:30:00Z",
    "2033-01-31t12:00:00z": "2033-01-31T12:00:00Z",
    "2033-01-31T12:00:00.25Z": "2033-01-31T12:00:00.250000Z",
    "2033-01-31T12:00:00.1234567Z": "2033-01-31T12:00:00.123456Z",
    "2033-01-31": "2033-01-31T00:00:00Z",
    "2032-02-29": "2032-02-29T00:00:00Z",
}
BAD_DATES = [
    # not in the future
    "2020-01-01T00:00:00Z",
    "2020-01-01",
    "0001-01-01",
    "0001-01-01T00:00:00+23:59",
    # more than ten years ahead
    "2999-01-01T00:00:00Z",
    "9999-12-31",
    "9999-12-31T23:59:59-23:59",
    # naive
    "2033-01-31T12:00:00",
    # not RFC 3339
    "",
    "soon",
    "2033-01-31T12:00Z",
    "2033-01-31T12:00:00+0530",
    "2033-01-31T12:00:00 Z",
    "20330131T120000Z",
    "2033-W05-1",
    "2033-02-30",
    "2033-13-01",
    "2033-01-31T25:00:00Z",
    "2033-01-31T12:00:00+24:00",
    "2033-01-31\n",
    "2033-01-31T12:00:00Z\0",
    "\uff12\uff10\uff13\uff13-01-31",
    "1990000000",
    1990000000,
    True,
    None,
    [],
    ["2033-01-31"],
    {"year": 2033},
]
BAD_MINUTES = [0, -1, -(10**30), 10**30, 1.5, 60.0, "60", "", True, None, [], [60], {}]

Send = Callable[[Person, dict[str, Any]], httpx.Response]


def publish(owner: Person, terms: dict[str, Any]) -> httpx.Response:
    return owner.post("/referral/code", terms)


def change(owner: Person, terms: dict[str, Any]) -> httpx.Response:
    return owner.patch("/referral/code", terms)


def activate(owner: Person, terms: dict[str, Any]) -> httpx.Response:
    code = owner.get("/referral/code").json()
    return owner.post(f"/referral/codes/{code['id']}/activate", terms)


everywhere = pytest.mark.parametrize("send", [publish, change, activate])


@pytest.mark.parametrize(("given", "meant"), SENSIBLE_DATES.items(), ids=SENSIBLE_DATES)
def test_an_expiry_is_the_moment_it_names(owner: Person, given: str, meant: str) -> None:
    assert publish(owner, {"expires_at": given}).json()["expires_at"] == meant


@everywhere
def test_a_bare_date_is_its_first_moment_in_utc(owner: Person, send: Send) -> None:
    answer = send(owner, {"expires_at": "2033-01-31"}).json()
    assert answer["expires_at"] == "2033-01-31T00:00:00Z"


@everywhere
def test_a_lifetime_counts_from_now(owner: Person, sql: Sql, send: Send) -> None:
    expires_at = send(owner, {"lifetime_minutes": 10}).json()["expires_at"]
    within_seconds = "SELECT now() + interval '10 minutes' - %s BETWEEN '0 s' AND '30 s'"
    assert sql(within_seconds, moment(expires_at)) == [(True,)]


@pytest.mark.parametrize("value", BAD_DATES, ids=ascii)
def test_an_expiry_that_cannot_be_is_refused(owner: Person, value: object) -> None:
    assert_refused(publish(owner, {"expires_at": value}), "expires_at")


@pytest.mark.parametrize("value", BAD_MINUTES, ids=ascii)
def test_a_lifetime_that_cannot_be_is_refused(owner: Person, value: object) -> None:
    assert_refused(publish(owner, {"lifetime_minutes": value}), "lifetime_minutes")


@everywhere
@pytest.mark.parametrize("value", ["2020-01-01", "2999-01-01", "2033-01-31T12:00:00", 5, None])
def test_no_route_takes_an_expiry_that_cannot_be(owner: Person, send: Send, value: object) -> None:
    assert_refused(send(owner, {"expires_at": value}), "expires_at")


@everywhere
@pytest.mark.parametrize("value", [0, 10**30, "60", None], ids=str)
def test_no_route_takes_a_lifetime_that_cannot_be(owner: Person, send: Send, value: object) -> None:
    assert_refused(send(owner, {"lifetime_minutes": value}), "lifetime_minutes")


@everywhere
def test_a_lifetime_may_end_in_ten_years(owner: Person, sql: Sql, send: Send) -> None:
    response = send(owner, {"expires_at": in_ten_years(sql, "-1 minute")})
    assert response.is_success


@everywhere
def test_a_lifetime_may_not_end_later_than_that(owner: Person, sql: Sql, send: Send) -> None:
    response = send(owner, {"expires_at": in_ten_years(sql, "1 minute")})
    assert_refused(response, "expires_at")


@everywhere
def test_ten_years_hold_for_lifetimes_in_minutes_too(owner: Person, send: Send) -> None:
    response = send(owner, {"lifetime_minutes": (10 * 365 + 4) * 24 * 60})
    assert_refused(response, "lifetime_minutes")


@everywhere
def test_both_forms_at_once_are_refused(owner: Person, send: Send) -> None:
    response = send(owner, {"expires_at": "2033-01-31", "lifetime_minutes": 60})
    assert_refused(response, "expires_at")


@pytest.mark.parametrize("send", [publish, change])
def test_a_lifetime_must_be_given(owner: Person, send: Send) -> None:
    assert_refused(send(owner, {}), "expires_at")


@everywhere
def test_a_refused_lifetime_leaves_the_code_as_it_was(owner: Person, send: Send) -> None:
    before = owner.get("/referral/code").json()
    send(owner, {"expires_at": "2020-01-01"})
    assert owner.get("/referral/code").json() == before


def test_a_change_keeps_everything_but_the_expiry(owner: Person) -> None:
    before = owner.get("/referral/code").json()
    terms = {"expires_at": "2033-01-31T12:00:00Z"}
    assert change(owner, terms).json() == before | terms


def test_a_code_stops_being_active_when_it_expires(owner: Person, sql: Sql) -> None:
    expire(owner.get("/referral/code").json(), sql)
    assert_problem(owner.get("/referral/code"), 404, "no_active_code")
    assert [code["is_active"] for code in owner.get("/referral/codes").json()["codes"]] == [False]


def assert_refused(response: httpx.Response, field: str) -> None:
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {field}


def moment(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def in_ten_years(sql: Sql, and_: str) -> str:
    (found,) = sql("SELECT now() + interval '10 years' + %s::interval", and_)
    return found[0].isoformat()


@pytest.fixture
def owner(register: People) -> Person:
    """Somebody with an active code."""
    owner = register()
    owner.publish()
    return owner


@pytest.mark.parametrize("offset", ["+16:00", "-16:00", "+23:59", "-23:59"])
def test_every_offset_that_a_timestamp_can_have_is_read(owner: Person, offset: str) -> None:
    code = owner.publish(expires_at=f"2033-01-02T12:00:00{offset}")
    expected = datetime.fromisoformat(f"2033-01-02T12:00:00{offset}")
    assert datetime.fromisoformat(code["expires_at"]) == expected
