"""A broker that freezes while a worker is at work, and is not told how it ended."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from celery import Celery

from app.queue import SEND_MAILS
from dev.waiting import wait_until
from tests.deployed.mailing import Call
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service
from tests.deployed.waiting import Waiting, waiting_for
from tests.deployed.worker import Part, worker

pytestmark = pytest.mark.xdist_group("lost acknowledgements")

OUTBOX = "LOCK TABLE outbox"
# A worker waits for its broker for fifteen, and twice to give a call back.
SECONDS = 60


def is_done(under_way: Waiting, _: Part) -> None:
    under_way.let_go()


def is_killed(_: Waiting, working: Part) -> None:
    working.kill_children()


@pytest.mark.parametrize("end", [is_done, is_killed])
def test_a_worker_takes_calls_though_it_could_not_say_what_became_of_one(
    working: Part,
    call_sender: Call,
    own_redis: OwnRedis,
    database_url: str,
    end: Callable[[Waiting, Part], None],
) -> None:
    with waiting_for(OUTBOX, database_url, call_sender) as under_way, own_redis.frozen():
        end(under_way, working)
        wait_until(lambda: "Couldn't " in working.logged(), "time-out", SECONDS)
    before = times_done(working)
    call_sender()
    wait_until(lambda: times_done(working) > before, "call that was taken", SECONDS)


def times_done(part: Part) -> int:
    return part.logged().count("succeeded in")


@pytest.fixture(scope="module")
def service_settings(settings_with_own_redis: Path) -> Path:
    return settings_with_own_redis


@pytest.fixture
def call_sender(own_redis: OwnRedis) -> Iterator[Call]:
    with Celery(broker=own_redis.url()) as caller:
        yield partial(caller.send_task, SEND_MAILS, queue="mails")


@pytest.fixture
def working(service: Service, own_redis: OwnRedis, tmp_path: Path) -> Iterator[Part]:
    """A worker that takes one call at a time."""
    own_redis.empty()
    with (
        worker(service, tmp_path, "--concurrency=1") as part,
    ):
        wait_until(lambda: "ready." in part.logged(), "worker")
        yield part
