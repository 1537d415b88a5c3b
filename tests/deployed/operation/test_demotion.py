"""A Redis that is there and refuses, as one that is no primary any more."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from dev.waiting import wait_until
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service
from tests.deployed.worker import Part, worker

pytestmark = pytest.mark.xdist_group("demotion")

REFUSAL = "ReadOnlyError"
TIMES = 3


def test_a_worker_outlives_it(working: Part, broker: "redis.Redis[bytes]") -> None:
    (first, *_) = working.processes()
    for _ in range(TIMES):
        broker.replicaof("127.0.0.1", "1")
        wait_until(partial(has_met_it, working, refusals(working)), "refusal")
        broker.replicaof("NO", "ONE")
        wait_until(partial(waits_for_calls, broker), "worker that waits for calls")
    assert working.processes()[0] == first


def has_met_it(part: Part, before: int) -> bool:
    return refusals(part) > before or not part.runs()


def refusals(part: Part) -> int:
    return part.logged().count(REFUSAL)


def waits_for_calls(broker: "redis.Redis[bytes]") -> bool:
    return any(client["cmd"] == "brpop" for client in broker.client_list())


@pytest.fixture(scope="module")
def service_settings(settings_with_own_redis: Path) -> Path:
    return settings_with_own_redis


@pytest.fixture
def broker(own_redis: OwnRedis) -> Iterator["redis.Redis[bytes]"]:
    with redis.Redis.from_url(own_redis.url()) as client:
        yield client
        client.replicaof("NO", "ONE")


@pytest.fixture
def working(service: Service, tmp_path: Path, broker: "redis.Redis[bytes]") -> Iterator[Part]:
    with worker(service, tmp_path) as part:
        wait_until(partial(waits_for_calls, broker), "worker that waits for calls")
        yield part
