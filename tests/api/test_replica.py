"""What may lag is read from the replica, and nothing is the worse for its being late or lost."""

import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
import redis
from flask import Flask

from app.database import ENGINE_OPTIONS
from app.extensions import replica
from tests.conftest import TEMPLATE, create_database, database_address
from tests.people import People, Person
from tests.quiet import assert_when_quiet

DRIVER = "postgresql+psycopg2"
NOBODY_LISTENS = f"{DRIVER}://nobody@127.0.0.1:1/nothing"
NOT_FOUND, FOUND = 404, 200


@pytest.fixture(scope="module")
def lagging_url(worker: int) -> str:
    """A database as it was before anything happened."""
    create_database(f"lagging_{worker}", template=TEMPLATE)
    return database_address(f"lagging_{worker}").replace("postgresql", DRIVER, 1)


@pytest.fixture
def owner(app: Flask, register: People) -> Iterator[Person]:
    """Somebody with a code who has brought one person."""
    owner = register()
    register(referral_code=owner.publish()["code"])
    yield owner
    replica.init_app(None, ENGINE_OPTIONS)


@pytest.fixture
def lagging(owner: Person, lagging_url: str) -> None:
    replica.init_app(lagging_url, ENGINE_OPTIONS)


@pytest.fixture
def lost(owner: Person) -> None:
    replica.init_app(NOBODY_LISTENS, ENGINE_OPTIONS)


@pytest.fixture
def frozen(owner: Person) -> Iterator[None]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        replica.init_app(NOBODY_LISTENS.replace(":1/", f":{port}/"), ENGINE_OPTIONS)
        yield


@pytest.fixture
def long_ago(redis_client: redis.Redis, owner: Person) -> None:
    """Nothing has changed for half a minute."""
    redis_client.flushdb()


@pytest.mark.usefixtures("lagging", "long_ago")
def test_look_ups_are_read_from_the_replica(owner: Person) -> None:
    assert looked_up(owner) == NOT_FOUND


@pytest.mark.usefixtures("lagging", "long_ago")
def test_a_change_is_seen_at_once_by_look_ups(owner: Person) -> None:
    looked_up(owner)
    owner.publish()
    assert [looked_up(owner) for _ in range(3)] == [FOUND] * 3
    owner.delete("/referral/code")
    assert [looked_up(owner) for _ in range(3)] == [NOT_FOUND] * 3


@pytest.mark.usefixtures("lagging", "long_ago")
def test_who_joins_is_seen_at_once_by_the_referrer(owner: Person, register: People) -> None:
    register(referral_code=owner.get("/referral/code").json()["code"])
    assert owner.get("/referral/referrals").json()["total"] == 2
    assert owner.get("/auth/me").json()["referrals_count"] == 2


@pytest.mark.usefixtures("lagging", "long_ago")
def test_ones_own_account_and_codes_are_never_read_from_the_replica(owner: Person) -> None:
    assert owner.get("/auth/me").json()["referral_code"] == owner.get("/referral/code").json()
    assert len(owner.get("/referral/codes").json()["codes"]) == 1


@pytest.mark.usefixtures("lost", "long_ago")
def test_while_the_replica_is_lost_the_primary_is_read(owner: Person) -> None:
    assert owner.get("/referral/referrals").json()["total"] == 1
    assert looked_up(owner) == FOUND


@pytest.mark.usefixtures("frozen", "long_ago")
def test_a_frozen_replica_costs_one_request_a_second_and_not_the_next(owner: Person) -> None:
    first = owner.get("/referral/code/by-email", email=owner.email)
    assert first.status_code == FOUND
    assert_when_quiet(1 <= first.elapsed.total_seconds() < 3, first.elapsed)
    second = owner.get("/referral/code/by-email", email="nobody@example.com")
    assert second.status_code == NOT_FOUND
    assert_when_quiet(second.elapsed.total_seconds() < 1, second.elapsed)


@pytest.mark.usefixtures("lost", "long_ago")
def test_a_lost_replica_is_counted(owner: Person, http: httpx.Client) -> None:
    before = failures(http)
    looked_up(owner)
    assert failures(http) == before + 1


def looked_up(owner: Person) -> int:
    return owner.get("/referral/code/by-email", email=owner.email).status_code


def failures(http: httpx.Client) -> float:
    lines = http.get("/metrics").text.splitlines()
    name = 'referral_part_failures_total{part="replica"} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
