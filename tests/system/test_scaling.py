"""The service on several machines, and what becomes of it when they are lost."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from time import monotonic
from typing import Any

import httpx
import psycopg2
import pytest

from app.database import ENGINE_OPTIONS
from dev.running import temporary_folder
from dev.waiting import wait_until
from tests.deployed.mailing import PULL_FORWARD, message_ids, named_in
from tests.deployed.service import connections_to
from tests.deployed.together import MANY, at_once, outcome, outcomes
from tests.deployed.waiting import waiting_for
from tests.people import People, Person
from tests.system.cluster import Cluster
from tests.system.load import CLIENTS, Ledger, load

PERSON = "SELECT FROM users WHERE id = {} FOR UPDATE"
# As long as each loss is watched.
WATCHED_SECONDS = 5


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


WAITING = "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def test_look_ups_are_right_while_the_replica_lags_and_lists_catch_up(
    cluster: Cluster, owner: Person, register: People
) -> None:
    owner.get("/referral/referrals")
    with lagging(cluster):
        assert looked_up(owner) == owner.get("/referral/code").json()["code"]
        for _ in range(3):
            code = owner.publish()["code"]
            assert [looked_up(owner) for _ in range(4)] == [code] * 4
        for _ in range(4):
            register(referral_code=code)
        assert len(further_page(owner)) == 1
    wait_until(lambda: len(further_page(owner)) == 2, "list that has caught up", 5)


def test_what_nobody_changed_of_late_is_read_from_the_replica(
    cluster: Cluster, owner: Person, register: People
) -> None:
    code = owner.get("/referral/code").json()["code"]
    with lagging(cluster):
        register(referral_code=code)
        owner.publish()
        assert (owner.get("/referral/referrals").json()["total"], looked_up(owner) == code) == (
            2,
            False,
        )
        forget_all(cluster)
        assert owner.get("/referral/referrals").json()["total"] == 1
        assert looked_up(owner) == code
    forget_all(cluster)


def test_a_frozen_replica_is_soon_not_asked(cluster: Cluster, owner: Person) -> None:
    with cluster.replica.frozen():
        for _ in range(20):
            forget_all(cluster)
            assert looked_up(owner)
        started = monotonic()
        forget_all(cluster)
        assert looked_up(owner)
        assert monotonic() - started < 1


def test_no_request_waits_long_for_a_frozen_redis_and_a_new_primary_is_chosen(
    cluster: Cluster, owner: Person, register: People
) -> None:
    looked_up(owner)
    frozen = cluster.redis_primary()
    slowest = 0.0
    with frozen.frozen():
        while cluster.redis_primary() is frozen:
            started = monotonic()
            code = owner.publish()["code"]
            register()
            assert looked_up(owner) == code
            slowest = max(slowest, monotonic() - started)
        assert looked_up(owner) == code
    print(f"slowest of three requests: {slowest:.2f} s")
    assert slowest < 3


def test_nothing_that_was_acknowledged_is_lost_whoever_is_killed(
    cluster: Cluster, register: People
) -> None:
    with load(cluster.url) as ledger:
        undisturbed(2)
        with killed(cluster.kill_node, cluster.start_node):
            node_lost = undisturbed(WATCHED_SECONDS)
            wait_until(cluster.redis_agrees, "old primary that follows")
            primary = cluster.redis_primary()
            with killed(primary.kill, primary.start):
                redis_lost = undisturbed(WATCHED_SECONDS)
                worker = cluster.workers[0]
                with killed(worker.kill, worker.start):
                    worker_lost = undisturbed(2)
                    with killed(cluster.replica.kill, cluster.replica.start):
                        replica_lost = undisturbed(WATCHED_SECONDS)
    for name, (since, until) in {
        "node": node_lost,
        "Redis primary": redis_lost,
        "worker": worker_lost,
        "replica": replica_lost,
    }.items():
        lost = ledger.lost(since, until)
        print(
            name,
            len([a for a in ledger.answers if since <= a.began < until]),
            len(lost),
            max([a.began + a.seconds for a in lost], default=since) - since,
            ledger.slowest(since, until),
            [(a.what, a.status, round(a.began - since, 3), round(a.seconds, 3)) for a in lost],
        )
    print([w for w in ledger.wrong_look_ups], node_lost, redis_lost, worker_lost, replica_lost)
    print(len(ledger.people), len(ledger.referrers), len(ledger.codes))
    assert ledger.wrong_look_ups == []
    assert_kept(ledger, cluster)
    assert_mailed(ledger, cluster)


def undisturbed(seconds: float) -> tuple[float, float]:
    started = monotonic()
    wait_until(lambda: monotonic() > started + seconds, "end of the time")
    return started, monotonic()


@contextmanager
def killed(kill: Callable[[], object], start: Callable[[], object]) -> Iterator[None]:
    kill()
    try:
        yield
    finally:
        start()


def assert_kept(ledger: Ledger, cluster: Cluster) -> None:
    run = cluster.primary.server.run
    people = dict(run("SELECT email, id FROM users"))
    assert people.items() >= ledger.people.items()
    referrers = dict(
        run(
            "SELECT referee.email, referrer.email FROM referrals"
            " JOIN users AS referee ON referee.id = referee_id"
            " JOIN users AS referrer ON referrer.id = referrer_id"
        )
    )
    assert referrers.items() >= ledger.referrers.items()
    assert set(run("SELECT code, user_id FROM codes")) >= set(ledger.codes)
    active = dict(run("SELECT user_id, code FROM codes WHERE is_activated"))
    certain = [owner for owner in ledger.owners if owner.is_certain]
    assert {owner.id: active.get(owner.id) for owner in certain} == {
        owner.id: owner.code for owner in certain
    }


def assert_mailed(ledger: Ledger, cluster: Cluster) -> None:
    def nothing_is_owed() -> bool:
        cluster.primary.server.run(PULL_FORWARD)
        return cluster.primary.server.run("SELECT id FROM outbox") == []

    try:
        wait_until(nothing_is_owed, "last mail", 30)
    except TimeoutError:
        print(
            cluster.primary.server.run(
                "SELECT id, kind, payload, attempts, last_failure, due_at, now() FROM outbox"
            )[:10]
        )
        print(
            cluster.primary.server.run(
                "SELECT state, wait_event, query, now()-xact_start FROM pg_stat_activity WHERE usename=$$referral$$"
            )
        )
        for w in cluster.workers:
            print("LOG", w.logged()[-6000:])
        raise
    owners = {owner.email for owner in ledger.owners}
    mails = cluster.mail_server.mails
    verified = message_ids(mails, lambda mail: mail.recipients[0])
    newcomers = ledger.people.keys() - owners
    assert {email: len(verified[email]) for email in newcomers} == dict.fromkeys(newcomers, 1)
    news = [mail for mail in mails if mail.recipients[0] in owners]
    told = message_ids(news, partial(named_in, list(ledger.referrers)))
    assert {email: len(told[email]) for email in ledger.referrers} == dict.fromkeys(
        ledger.referrers, 1
    )


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


CAUGHT_UP = "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
PAUSED = "SELECT pg_get_wal_replay_pause_state()"


def forget_all(cluster: Cluster) -> None:
    """What half a minute without a change would do."""
    cluster.redis_primary().server.client.flushdb()


def contents(server: Any) -> list[bytes]:
    return [server.client.get(key) or b"" for key in server.client.scan_iter()]


def looked_up(owner: Person) -> Any:
    """The code that a stranger is told."""
    return owner.get("/referral/code/by-email", email=owner.email).json().get("code")


def further_page(owner: Person) -> list[Any]:
    """The second page of three people and more, which is not remembered."""
    first = owner.get("/referral/referrals", limit=3).json()
    cursor = first["next_cursor"]
    further: list[Any] = owner.get("/referral/referrals", limit=3, cursor=cursor).json()[
        "referrals"
    ]
    return further


def settings(url: str, condition: str) -> dict[str, str]:
    """What is set for those who connect there as the service does."""
    with closing(psycopg2.connect(url, **ENGINE_OPTIONS["connect_args"])) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT name, setting FROM pg_settings WHERE {condition}")
            return dict(cursor.fetchall())
