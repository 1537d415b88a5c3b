"""What answers cost: how often Redis and PostgreSQL are turned to for one of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import httpx
import pytest
import redis
from flask import Flask

from app.extensions import exchange
from dev.running import Running
from dev.valkey import Valkey
from tests.deployed.every_route import ROUTES, Scene
from tests.people import People
from tests.round_trips import round_trips

Statements = Callable[[], AbstractContextManager[list[str]]]

# Round trips to Redis, where the broker is another, and statements, without BEGIN and COMMIT. The
# registration is one with a code.
COSTS = {
    "GET /referral/code/by-email": (1, 0),
    "POST /referral/code/by-email": (1, 0),
    "GET /auth/me": (0, 1),
    "GET /referral/referrals": (0, 1),
    "GET /referral/code": (0, 2),
    "GET /referral/codes": (0, 2),
    "POST /auth/login": (1, 8),
    "POST /auth/register": (2, 7),
}


@pytest.mark.parametrize("route", COSTS)
def test_an_answer_costs_no_more_and_no_less(
    http: httpx.Client, own_redis: redis.Redis, statements: Statements, route: str
) -> None:
    status, ask = ROUTES[route]
    assert cost(partial(ask, Scene(http)), status, own_redis, statements) == COSTS[route]


def test_a_look_up_that_is_not_remembered_is_stored_at_the_cost_of_one_round_trip(
    http: httpx.Client, own_redis: redis.Redis, statements: Statements
) -> None:
    ask = partial(ROUTES["GET /referral/code/by-email"][1], Scene(http))
    assert cost(ask, 200, own_redis, statements, before=own_redis.flushdb) == (2, 1)


@pytest.mark.parametrize(
    ("path", "statements_"), [("/referral/referrals", 1), ("/referral/codes", 2)]
)
def test_a_further_page_costs_what_the_first_does(
    register: People, own_redis: redis.Redis, statements: Statements, path: str, statements_: int
) -> None:
    owner = register()
    for _ in range(2):
        register(referral_code=owner.publish()["code"])
    cursor = owner.get(path, limit=1).json()["next_cursor"]
    ask = partial(owner.get, path, limit=1, cursor=cursor)
    assert cost(ask, 200, own_redis, statements) == (0, statements_)


def cost(
    ask: Callable[[], httpx.Response],
    status: int,
    own_redis: redis.Redis,
    statements: Statements,
    before: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """How many round trips to Redis, and statements, it takes to answer this once more."""
    with statements() as ran:
        # Connects to both, prepares what is prepared, and makes whom it needs.
        assert ask().status_code == status
        before()
        ran.clear()
        times = round_trips(own_redis, ask)
        return times, len(ran)


@pytest.fixture
def own_redis(app: Flask, redis_url: str, tmp_path: Path) -> Iterator[redis.Redis]:
    """One that the service shares with nobody, and another connection to it."""
    with (
        Running(Valkey(tmp_path / "redis")) as running,
        redis.Redis.from_url(running.server.url()) as client,
    ):
        exchange.init_app(running.server.url())
        yield client
        exchange.init_app(redis_url)
