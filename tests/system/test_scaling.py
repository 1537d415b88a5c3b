"""The service on several machines, and what becomes of it when they are lost."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from time import monotonic
from typing import Any

import httpx
import psycopg2
import pytest

from app.database import ENGINE_OPTIONS
from dev.running import temporary_folder
from dev.waiting import wait_until
from tests.deployed.service import connections_to
from tests.deployed.together import outcome
from tests.deployed.waiting import PERSON, waiting_for
from tests.people import People, Person
from tests.quiet import assert_when_quiet
from tests.system.cluster import Cluster
from tests.system.load import CLIENTS, Ledger, load
from tests.system.reckoning import assert_kept, assert_mailed

WAITING = "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
CAUGHT_UP = "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
PAUSED = "SELECT pg_get_wal_replay_pause_state()"
# As long as each loss is watched.
SECONDS = 3.0
# Of gunicorn, on both nodes.
PROCESSES = 4
# As long as anything may take.
LONGEST_SECONDS = 5.0

Period = tuple[float, float]

log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with temporary_folder() as folder, Cluster(folder) as cluster:
        yield cluster


@pytest.fixture
def http(cluster: Cluster) -> Iterator[httpx.Client]:
    with connections_to(cluster.url) as client:
        yield client


@pytest.fixture
def register(http: httpx.Client) -> People:
    return People(http)


@pytest.fixture
def owner(register: People) -> Person:
    """Somebody with a code who has brought one person."""
    owner = register()
    register(referral_code=owner.publish()["code"])
    return owner


@pytest.mark.parametrize("database", ["referral", "referral_replica"])
def test_pgbouncer_has_set_what_the_service_asks_for(cluster: Cluster, database: str) -> None:
    asked_for = settings(cluster.primary_url(), "source = 'client'")
    names = ", ".join(f"'{name}'" for name in asked_for)
    behind = cluster.pgbouncer.server.url(database)
    assert len(asked_for) > 4
    assert settings(behind, f"name IN ({names})") == asked_for


def test_a_request_that_waits_too_long_is_given_up_by_the_server_as_well(
    cluster: Cluster, owner: Person
) -> None:
    publish = partial(owner.post, "/referral/code", {"lifetime_minutes": 60})
    with waiting_for(PERSON.format(owner.id), cluster.primary_url(), publish) as waiting:
        assert outcome(waiting.answer.result()) == "503 unavailable"
        assert cluster.primary.server.run(WAITING) == []


def test_look_ups_and_lists_are_right_while_the_replica_lags(
    cluster: Cluster, owner: Person, register: People
) -> None:
    with lagging(cluster):
        assert looked_up(owner) == owner.get("/referral/code").json()["code"]
        for _ in range(3):
            code = published_for_all(cluster, owner)
        for number in range(5):
            assert len(everybody_brought_by(owner)) == number + 1
            register(referral_code=code)


def test_what_nobody_changed_of_late_is_read_from_the_replica(
    cluster: Cluster, owner: Person
) -> None:
    code = owner.get("/referral/code").json()["code"]
    with lagging(cluster):
        owner.publish()
        assert looked_up(owner) != code
        forget_all(cluster)
        told = looked_up(owner)
        # Who has lost Redis or the replica for a moment asks the primary.
        assert_when_quiet(told == code, told)
    forget_all(cluster)


def test_a_frozen_replica_is_soon_not_asked(cluster: Cluster, owner: Person) -> None:
    times = []
    with cluster.replica.frozen():
        for _ in range(25):
            started = monotonic()
            forget_all(cluster)
            assert looked_up(owner)
            times.append(monotonic() - started)
    slow = [taken for taken in times if taken > 0.9]
    # Each process finds it out for itself.
    assert_when_quiet(len(slow) <= PROCESSES, times)


def test_no_request_waits_long_for_a_frozen_redis_and_another_becomes_the_primary(
    cluster: Cluster, owner: Person
) -> None:
    looked_up(owner)
    frozen, slowest = cluster.redis_primary(), 0.0
    with frozen.frozen():
        # Until nobody follows it any more, it would not notice after its sleep that it is another.
        while not cluster.redis_agrees(lost=frozen):
            started = monotonic()
            code = owner.publish()["code"]
            assert looked_up(owner) == code
            slowest = max(slowest, monotonic() - started)
    assert_when_quiet(slowest < 2, slowest)
    assert [looked_up(owner) for _ in range(10)] == [code] * 10
    published_for_all(cluster, owner)


def test_a_primary_that_was_replaced_in_its_sleep_is_asked_no_more(cluster: Cluster) -> None:
    with each_node(cluster) as (register_at_one, register_at_two):
        owner, another, stranger = register_at_one(), register_at_one(), register_at_two()
        code = owner.publish()["code"]
        assert [looked_up(owner, stranger) for _ in range(10)] == [code] * 10
        replaced = cluster.redis_primary()
        with replaced.frozen():
            wait_until(lambda: cluster.redis_agrees(lost=replaced), "other primary")
            # What is the first to be told to the lost one it hears when it wakes.
            for _ in range(10):
                another.publish()
            code = owner.publish()["code"]
        assert [looked_up(owner, stranger) for _ in range(10)] == [code] * 10


def test_nothing_that_was_acknowledged_is_lost_whoever_is_killed(cluster: Cluster) -> None:
    wait_until(cluster.redis_agrees, "Redis in order")
    too_slow = cluster.forgetting_took_too_long()
    redis, worker, replica = cluster.redis_primary(), cluster.workers[0], cluster.replica
    with load(cluster.url) as ledger, ExitStack() as killed:
        undisturbed(SECONDS)
        cluster.kill_node()
        killed.callback(cluster.start_node)
        node_lost = undisturbed(SECONDS)
        redis.kill()
        killed.callback(redis.start)
        redis_lost = undisturbed(2 * SECONDS)
        started = monotonic()
        wait_until(lambda: cluster.redis_primary() is not redis, "other primary")
        failover = monotonic() - started
        worker.kill()
        killed.callback(worker.start)
        worker_lost = undisturbed(SECONDS)
        replica.kill()
        killed.callback(replica.start)
        replica_lost = undisturbed(SECONDS)
    tell(ledger, node=node_lost, redis=redis_lost, worker=worker_lost, replica=replica_lost)
    # Those that were under way on the node, one of each client at the most.
    assert len(ledger.lost(*node_lost)) <= CLIENTS
    assert [each for each in ledger.lost(*node_lost) if each.began > node_lost[0] + 1] == []
    assert [ledger.lost(*each) for each in (redis_lost, worker_lost, replica_lost)] == [[]] * 3
    assert_when_quiet(failover < LONGEST_SECONDS, failover)
    slowest = ledger.slowest(node_lost[0], replica_lost[1])
    assert_when_quiet(slowest < LONGEST_SECONDS, slowest)
    if cluster.forgetting_took_too_long() == too_slow:
        assert ledger.wrong_look_ups == []
    assert_when_quiet(ledger.wrong_look_ups == [], ledger.wrong_look_ups)
    assert_kept(ledger, cluster)
    assert_mailed(ledger, cluster)


def published_for_all(cluster: Cluster, owner: Person) -> str:
    """A new code, which everybody is told whichever process they ask."""
    too_slow = cluster.forgetting_took_too_long()
    code: str = owner.publish()["code"]
    told = [looked_up(owner) for _ in range(10)]
    if cluster.forgetting_took_too_long() == too_slow:
        assert told == [code] * 10
    assert_when_quiet(told == [code] * 10, told)
    return code


def undisturbed(seconds: float) -> Period:
    """Let it be for so long; gives from when to when."""
    started = monotonic()
    wait_until(lambda: monotonic() > started + seconds, "end of the time")
    return started, monotonic()


def tell(ledger: Ledger, **losses: Period) -> None:
    """Tell what each loss cost: `-o log_cli=true --log-cli-level=INFO` shows it."""
    for name, period in losses.items():
        asked, lost = ledger.asked(*period), ledger.lost(*period)
        slowest = ledger.slowest(*period)
        log.info("%s: %s requests, %s lost, slowest %.2f s", name, asked, len(lost), slowest)


@contextmanager
def lagging(cluster: Cluster) -> Iterator[None]:
    """The replica hears of everything and shows nothing of it."""
    replica = cluster.replica.server
    wait_until(lambda: replica.run(CAUGHT_UP) == [(True,)], "replica that has caught up")
    replica.run("SELECT pg_wal_replay_pause()")
    wait_until(lambda: replica.run(PAUSED) == [("paused",)], "replica that lags")
    try:
        yield
    finally:
        replica.run("SELECT pg_wal_replay_resume()")


def forget_all(cluster: Cluster) -> None:
    """What half a minute without a change would do."""
    cluster.redis_primary().server.client.flushdb()


@contextmanager
def each_node(cluster: Cluster) -> Iterator[list[People]]:
    """People who ask one node only."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connections_to(node.url)) for node in cluster.nodes]
        yield [People(http) for http in clients]


def looked_up(owner: Person, stranger: Person | None = None) -> Any:
    """The code that a stranger, or whoever else, is told."""
    return (stranger or owner).get("/referral/code/by-email", email=owner.email).json().get("code")


def everybody_brought_by(owner: Person) -> list[Any]:
    """All pages, of two people each."""
    people, cursor = [], {}
    while cursor is not None:
        page = owner.get("/referral/referrals", limit=2, **cursor).json()
        people += page["referrals"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    return people


def settings(url: str, condition: str) -> dict[str, str]:
    """What is set for those who connect there as the service does."""
    as_it_does = ENGINE_OPTIONS["connect_args"]
    with closing(psycopg2.connect(url, **as_it_does)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT name, setting FROM pg_settings WHERE {condition}")
        return dict(cursor.fetchall())
