"""Whoever asks too often is told to wait."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import time

import httpx
import pytest
import redis
from flask import Flask

from app import create_app
from tests.api.behind_a_proxy import Allow, allow, app, base_url, coming_from, http
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet
from tests.routes import LIMITED
from tests.serving import served

__all__ = ["allow", "app", "base_url", "http"]

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
LIMIT, REMAINING, RESET = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
HOUR = 3600

Send = Callable[[httpx.Client], httpx.Response]
Statements = Callable[[], AbstractContextManager[list[str]]]


def form(**fields: str) -> Send:
    return lambda http: http.post("/auth/token", data=fields, headers=coming_from(HERE))


def plain(route: str) -> Send:
    method, path = route.split()
    return lambda http: http.request(method, path, headers=coming_from(HERE))


# The ways to do the same, by the setting that limits it.
WAYS: dict[str, list[Send]] = {
    "REGISTER": [plain("POST /auth/register"), plain("POST /api/v1/auth/register")],
    "LOGIN": [
        plain("POST /auth/login"),
        plain("POST /api/v1/auth/login"),
        form(grant_type="password", username="ada@example.com", password="wrong"),
        form(grant_type="nonsense"),
        plain("POST /auth/token"),
    ],
    "REFRESH": [
        plain("POST /auth/refresh"),
        plain("POST /api/v1/auth/refresh"),
        form(grant_type="refresh_token", refresh_token="nonsense"),
        form(grant_type="refresh_token"),
    ],
    "CHANGE_PASSWORD": [plain("POST /auth/change_password")],
    "RESET_PASSWORD": [plain("POST /auth/reset_password")],
    "MAILED_TOKEN": [plain("POST /auth/reset_password/confirm"), plain("POST /auth/verify_email")],
    "RESEND_VERIFICATION": [plain("POST /auth/verify_email/resend")],
    "MAIL_CODE": [plain("POST /referral/code/email")],
    "LOOK_UP": [
        plain("GET /referral/code/by-email"),
        plain("POST /referral/code/by-email"),
        plain("GET /api/v1/referral/code/by-email?email=nobody@example.com"),
    ],
}


@pytest.mark.parametrize("setting", WAYS)
def test_all_ways_to_do_the_same_share_one_budget(
    http: httpx.Client, allow: Allow, setting: str
) -> None:
    ways = WAYS[setting]
    allow(setting, f"{len(ways)} per hour")
    assert 429 not in [way(http).status_code for way in ways]
    for way in ways:
        assert_problem(way(http), 429, "too_many_requests")


def test_no_two_things_share_a_budget(http: httpx.Client, allow: Allow) -> None:
    for setting, (way, *_) in WAYS.items():
        allow(setting, "1 per hour")
        assert way(http).status_code != 429, setting


@pytest.mark.parametrize("route", sorted(LIMITED))
def test_whoever_asks_too_often_is_refused_before_anything_sent_is_read(
    http: httpx.Client, allow: Allow, route: str
) -> None:
    for setting in WAYS:
        allow(setting, "2 per hour")
    answers = [plain(route)(http) for _ in range(4)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True, True]
    assert_problem(answers[-1], 429, "too_many_requests")


def test_a_refusal_says_how_long_to_wait(http: httpx.Client, allow: Allow) -> None:
    allow("LOOK_UP", "1 per hour")
    _, refused = look_up(http), look_up(http)
    assert HOUR - 60 < int(refused.headers["Retry-After"]) <= HOUR + 1
    assert int(refused.headers[RESET]) - time() == pytest.approx(HOUR, abs=60)


def test_the_budget_is_whole_again_when_the_window_ends(
    http: httpx.Client, allow: Allow, redis_client: redis.Redis
) -> None:
    allow("LOOK_UP", "1 per hour")
    assert [look_up(http).status_code for _ in range(2)] == [404, 429]
    (window,) = redis_client.keys("LIMITER/*")
    assert 0 < redis_client.ttl(window) <= HOUR
    redis_client.delete(window)
    assert [look_up(http).status_code for _ in range(2)] == [404, 429]


def test_a_window_ends_when_it_was_to_however_often_somebody_asks_meanwhile(
    http: httpx.Client, allow: Allow, redis_client: redis.Redis
) -> None:
    allow("LOOK_UP", "1 per hour")
    look_up(http)
    (window,) = redis_client.keys("LIMITER/*")
    redis_client.expire(window, 60)
    refused = look_up(http)
    assert int(refused.headers["Retry-After"]) <= 61
    assert int(refused.headers[RESET]) <= time() + 61


def test_several_figures_hold_together(http: httpx.Client, allow: Allow) -> None:
    allow("LOOK_UP", "5 per hour; 2 per day")
    assert [look_up(http).status_code for _ in range(3)] == [404, 404, 429]


def test_whoever_met_several_limits_is_told_to_wait_for_the_longest(
    http: httpx.Client, allow: Allow
) -> None:
    allow("LOOK_UP", "2 per minute; 2 per hour")
    refused = [look_up(http) for _ in range(3)][-1]
    assert int(refused.headers["Retry-After"]) > HOUR - 60
    assert int(refused.headers[RESET]) > time() + HOUR - 60


def test_every_answer_tells_what_is_left(http: httpx.Client, allow: Allow) -> None:
    allow("LOOK_UP", "3 per hour")
    answers = [look_up(http), look_up(http, "no address"), look_up(http), look_up(http)]
    assert [answer.status_code for answer in answers] == [404, 422, 404, 429]
    assert [answer.headers[LIMIT] for answer in answers] == ["3"] * 4
    assert [answer.headers[REMAINING] for answer in answers] == ["2", "1", "0", "0"]
    assert len({answer.headers[RESET] for answer in answers}) <= 2


def test_an_answer_tells_of_the_limit_that_is_met_first(
    http: httpx.Client, register: People, allow: Allow
) -> None:
    allow("RESEND_VERIFICATION", "7 per hour")
    allow("RESEND_VERIFICATION_PER_ACCOUNT", "9 per hour")
    assert register().post("/auth/verify_email/resend").headers[LIMIT] == "7"
    allow("RESEND_VERIFICATION_PER_ACCOUNT", "5 per hour")
    assert register().post("/auth/verify_email/resend").headers[LIMIT] == "5"


def test_only_who_has_to_wait_is_told_to(http: httpx.Client, ada: Person) -> None:
    answers = [log_in(http, ada, PASSWORD), log_in(http, ada, "wrong"), look_up(http)]
    assert [answer.status_code for answer in answers] == [200, 401, 404]
    assert not any("Retry-After" in answer.headers for answer in answers)


def test_a_delay_is_told_as_it_is_whatever_the_limit_is(
    http: httpx.Client, ada: Person, allow: Allow
) -> None:
    allow("LOGIN", "1000 per day")
    answers = [log_in(http, ada, "wrong") for _ in range(6)]
    # The delay is a second, in which the last has to come.
    assert_when_quiet(answers[-1].status_code == 429, answers[-1].status_code)
    assert_problem(answers[-1], 429, "too_many_attempts")
    assert int(answers[-1].headers["Retry-After"]) <= 2


def test_what_is_not_limited_says_nothing_of_limits(http: httpx.Client, ada: Person) -> None:
    assert LIMIT not in ada.get("/auth/me").headers
    assert LIMIT not in http.get("/healthz").headers


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("no address", "another one", True),
    ],
)
def test_a_person_has_one_address_of_ipv4_or_one_network_of_ipv6(
    http: httpx.Client, allow: Allow, first: str, second: str, together: bool
) -> None:
    allow("LOOK_UP", "1 per hour")
    assert look_up(http, address=first).status_code == 404
    assert (look_up(http, address=second).status_code == 429) == together


def test_any_number_of_strangers_may_look_up_a_popular_person(
    http: httpx.Client, allow: Allow
) -> None:
    allow("LOOK_UP", "1 per hour")
    answers = {look_up(http, "ada@example.com", f"192.0.2.{i}").status_code for i in range(50)}
    assert answers == {404}


def test_limits_and_copies_share_no_key(http: httpx.Client, redis_client: redis.Redis) -> None:
    look_up(http)
    keys = {key.partition(b"/")[0].partition(b":")[0] for key in redis_client.keys("*")}
    assert keys == {b"LIMITER", b"lookup"}


def test_whoever_asks_too_often_is_not_looked_up_in_postgresql(
    http: httpx.Client, allow: Allow, statements: Statements
) -> None:
    allow("LOOK_UP", "1 per hour")
    look_up(http)
    with statements() as ran:
        assert_problem(look_up(http, "another@example.com"), 429, "too_many_requests")
    assert ran == []


def test_nothing_is_limited_where_that_is_turned_off(app: Flask) -> None:
    off = {"RATELIMIT_LOOK_UP": "1 per hour", "RATELIMIT_ENABLED": False}
    with (
        served(create_app(dict(app.config) | off)) as url,
        httpx.Client(base_url=url, verify=False) as http,
    ):
        answers = [look_up(http) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {404}
    assert LIMIT not in answers[-1].headers


def look_up(
    http: httpx.Client, email: str = "nobody@example.com", address: str = HERE
) -> httpx.Response:
    params = {"email": email}
    return http.get("/referral/code/by-email", params=params, headers=coming_from(address))


def log_in(http: httpx.Client, person: Person, password: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": person.email, "password": password})
