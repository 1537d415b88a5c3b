"""What Redis remembers is right, whatever changes before, while and after it is read."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import httpx
import pytest
import redis
from flask import Flask
from sqlalchemy import Engine

from app.extensions import db
from dev.waiting import wait_until
from tests.endings import Sql
from tests.holding import held_after, held_at_commit, losing_commits
from tests.pages import rows
from tests.people import People, Person
from tests.problems import assert_problem

ADDRESS = "grace@example.com"
CODES = "/referral/codes"

Statements = Callable[[], AbstractContextManager[list[str]]]
Ask = Callable[[], Any]
Slowly = Callable[[str, Ask], AbstractContextManager[Future[Any]]]
Uncommitted = Callable[[Ask], AbstractContextManager[Future[Any]]]
Change = Callable[[Person], Any]


def active(owner: Person) -> dict[str, Any]:
    return next(code for code in rows(owner, CODES) if code["is_active"])


def old(owner: Person) -> dict[str, Any]:
    return next(code for code in rows(owner, CODES) if not code["is_active"])


SOON = {"lifetime_minutes": 5}
CHANGES: dict[str, Change] = {
    "publish": lambda owner: owner.publish(),
    "publish a wording": lambda owner: owner.publish(code="GRACE-2030"),
    "take a wording again": lambda owner: owner.publish(code=old(owner)["code"]),
    "change": lambda owner: owner.patch("/referral/code", SOON),
    "withdraw": lambda owner: owner.delete("/referral/code"),
    "activate": lambda owner: owner.post(f"{CODES}/{old(owner)['id']}/activate"),
    "prolong": lambda owner: owner.post(f"{CODES}/{active(owner)['id']}/activate", SOON),
    "deactivate": lambda owner: owner.post(f"{CODES}/{active(owner)['id']}/deactivate"),
    "delete": lambda owner: owner.delete(f"{CODES}/{active(owner)['id']}"),
}
any_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def test_a_code_is_found_again_without_postgresql(
    http: httpx.Client, grace: Person, statements: Statements
) -> None:
    first = look_up(http)
    with statements() as ran:
        assert look_up(http) == first
    assert ran == []


def test_that_there_is_no_code_is_remembered_too(
    http: httpx.Client, statements: Statements
) -> None:
    look_up(http)
    with statements() as ran:
        assert look_up(http) is None
    assert ran == []


@any_change
def test_the_next_look_up_sees_a_change(http: httpx.Client, grace: Person, change: Change) -> None:
    before = look_up(http)
    change(grace)
    assert before != look_up(http) == truth(grace)


@any_change
def test_a_slow_look_up_does_not_bring_back_what_was_before_a_change(
    http: httpx.Client, grace: Person, slowly: Slowly, change: Change
) -> None:
    before = truth(grace)
    with slowly("codes", lambda: look_up(http)) as answer:
        change(grace)
    assert answer.result() == before
    assert before != look_up(http) == truth(grace)


@any_change
def test_a_look_up_during_a_change_does_not_outlive_it(
    http: httpx.Client, grace: Person, uncommitted: Uncommitted, change: Change
) -> None:
    with uncommitted(lambda: change(grace)):
        before = look_up(http)
    assert before != look_up(http) == truth(grace)


def test_a_look_up_sees_a_withdrawal_of_which_nobody_knows_whether_it_was_done(
    http: httpx.Client, grace: Person, engine: Engine
) -> None:
    look_up(http)
    with losing_commits(engine):
        assert_problem(grace.delete("/referral/code"), 503, "unavailable")
    assert look_up(http) is None


def test_a_slow_look_up_does_not_bring_back_that_there_was_no_code(
    http: httpx.Client, register: People, slowly: Slowly
) -> None:
    with slowly("codes", lambda: look_up(http)) as answer:
        grace = register(email=ADDRESS)
        grace.publish()
    assert answer.result() is None
    assert look_up(http) == truth(grace)


def test_a_code_is_found_as_soon_as_it_is_published(http: httpx.Client, register: People) -> None:
    assert look_up(http) is None
    grace = register(email=ADDRESS)
    assert look_up(http) is None
    grace.publish()
    assert look_up(http) == truth(grace)


def test_a_code_is_not_found_after_it_expired(http: httpx.Client, grace: Person, sql: Sql) -> None:
    expire_in(sql, "2 seconds")
    assert look_up(http) is not None
    wait_until_expired(sql)
    assert look_up(http) is None


def test_a_code_that_expires_while_it_is_read_is_not_remembered(
    http: httpx.Client, grace: Person, sql: Sql, redis_client: redis.Redis, slowly: Slowly
) -> None:
    expire_in(sql, "2 seconds")
    forget_that_it_changed(redis_client)
    with slowly("codes", lambda: look_up(http)):
        wait_until_expired(sql)
    assert look_up(http) is None


def test_a_code_is_not_remembered_beyond_its_expiry(
    http: httpx.Client, grace: Person, sql: Sql, redis_client: redis.Redis
) -> None:
    expire_in(sql, "5 seconds")
    forget_that_it_changed(redis_client)
    look_up(http)
    assert all(0 < left <= 5_000 for left in lifetimes(redis_client))


def test_nothing_is_remembered_longer_than_a_minute(
    http: httpx.Client, grace: Person, redis_client: redis.Redis
) -> None:
    grace.publish(expires_at="2033-01-31")
    look_up(http)
    look_up(http, "nobody@example.com")
    assert len(lifetimes(redis_client)) == 2
    assert all(0 < left <= 60_000 for left in lifetimes(redis_client))


@any_change
def test_a_change_is_seen_though_redis_was_wiped(
    http: httpx.Client,
    grace: Person,
    redis_client: redis.Redis,
    change: Change,
) -> None:
    look_up(http)
    redis_client.flushdb()
    change(grace)
    assert look_up(http) == truth(grace)


def look_up(http: httpx.Client, email: str = ADDRESS) -> Any:
    """What a stranger is told: a code, or None."""
    response = http.get("/referral/code/by-email", params={"email": email})
    assert response.status_code in (200, 404), response.text
    return response.json() if response.is_success else None


def truth(owner: Person) -> Any:
    """The same as its owner, who is answered by PostgreSQL, sees it."""
    code = owner.get("/referral/code").json()
    return {"code": code["code"], "expires_at": code["expires_at"]} if "id" in code else None


def expire_in(sql: Sql, interval: str) -> None:
    sql("UPDATE codes SET expires_at = now() + %s::interval WHERE is_activated", interval)


def wait_until_expired(sql: Sql) -> None:
    expired = "SELECT bool_and(expires_at < now()) FROM codes WHERE is_activated"
    wait_until(lambda: sql(expired) == [(True,)], "the code expires", seconds=10)


def forget_that_it_changed(redis_client: redis.Redis) -> None:
    """What half a minute would do."""
    redis_client.flushdb()


def lifetimes(redis_client: redis.Redis) -> list[int]:
    """How many milliseconds the copies in Redis have left; -1 for a copy without end."""
    keys = redis_client.keys("lookup:*")
    assert keys, "nothing is remembered"
    return [redis_client.pttl(key) for key in keys]


@pytest.fixture
def grace(register: People) -> Person:
    """Somebody with an old code and an active one, whom nobody has looked up yet."""
    grace = register(email=ADDRESS)
    grace.publish()
    grace.publish()
    return grace


@pytest.fixture(params=["registration", "activation"])
def join(request: pytest.FixtureRequest, grace: Person, register: People) -> Ask:
    """Lets somebody join Grace in either way, when it is called."""
    code = {"code": active(grace)["code"]}
    if request.param == "registration":
        return lambda: register(referral_code=code["code"])
    return partial(register().post, "/referral/activate", code)


@pytest.fixture
def engine(app: Flask) -> Engine:
    with app.app_context():
        return db.engine


@pytest.fixture
def slowly(engine: Engine) -> Slowly:
    """Holds the first request that reads a table, after it has read and before it answers.

    `with slowly("codes", ask) as answer: …` asks in the background; the block runs meanwhile.
    """

    def hold(table: str, ask: Ask) -> AbstractContextManager[Future[Any]]:
        return held_after(table, engine, ask)

    return hold


@pytest.fixture
def uncommitted(engine: Engine) -> Uncommitted:
    """Holds the first request that commits, before it does."""
    return lambda ask: held_at_commit(engine, ask)
