"""A client of whichever Redis is the primary, by the word of a sentinel."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.redis import client
from dev.files import write_private
from dev.ports import free_port
from dev.running import Running
from dev.valkey import Valkey
from dev.waiting import wait_until
from tests.quiet import assert_when_quiet
from tests.unreachable import unreachable

SECONDS = 0.6
NOBODY_LISTENS = "127.0.0.1:1"
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir .
set-proc-title no
sentinel monitor primary 127.0.0.1 {primary} 1
sentinel auth-pass primary {password}
"""


class Alike(Valkey):
    """A server with the password of another, as those have that replace each other."""

    def __init__(self, folder: Path, other: Valkey) -> None:
        super().__init__(folder)
        self._password = urlsplit(other.url()).password or ""


class Sentinel(Alike):
    """One that watches this server."""

    def __init__(self, folder: Path, watched: Valkey) -> None:
        super().__init__(folder, watched)
        self._watched = watched

    def prepare(self) -> None:
        super().prepare()
        text = CONFIGURATION.format(
            port=self.port, password=self._password, primary=self._watched.port
        )
        write_private(self._configuration, text)

    def command(self) -> list[str]:
        return [*super().command(), "--sentinel"]

    def watch(self, other: Valkey) -> None:
        """Say from now on that this one is the primary."""
        with redis.Redis.from_url(self.url()) as connection:
            connection.sentinel_remove("primary")
            connection.sentinel_monitor("primary", "127.0.0.1", other.port, 1)

    def says(self) -> dict[str, Any]:
        """What it knows of the primary."""
        with redis.Redis.from_url(self.url()) as connection:
            state: dict[str, Any] = connection.sentinel_masters()["primary"]
            return state

    def fails_over(self) -> bool:
        """Have it replace the primary; tells whether it knew its two followers well enough."""
        with redis.Redis.from_url(self.url()) as connection, suppress(redis.ResponseError):
            return self.says()["num-slaves"] == 2 and bool(connection.sentinel_failover("primary"))
        return False

    def watched_url(self, *others: str) -> str:
        addresses = ",".join([*others, f"127.0.0.1:{self.port}"])
        return f"redis+sentinel://:{self._password}@{addresses}/primary"


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Running[Valkey]]:
    with Running(Valkey(tmp_path / "first")) as running:
        yield running


@pytest.fixture
def second(tmp_path: Path, first: Running[Valkey]) -> Iterator[Running[Alike]]:
    with Running(Alike(tmp_path / "second", first.server)) as running:
        yield running


@pytest.fixture
def sentinel(tmp_path: Path, first: Running[Valkey]) -> Iterator[Sentinel]:
    with Running(Sentinel(tmp_path / "sentinel", first.server)) as running:
        yield running.server


def test_an_answer_that_came_too_late_is_not_given_to_the_next_command(
    first: Running[Valkey], sentinel: Sentinel
) -> None:
    connection = connected(sentinel.watched_url())
    connection.mset({"one": "1", "two": "2"})
    with first.frozen(), pytest.raises(redis.TimeoutError):
        connection.get("one")
    assert connection.get("two") == b"2"


def test_a_primary_that_nobody_follows_is_left_for_the_one_the_sentinels_name(
    first: Running[Valkey], second: Running[Valkey], sentinel: Sentinel
) -> None:
    connection = connected(sentinel.watched_url())
    connection.set("where", "first")
    sentinel.watch(second.server)
    with redis.Redis.from_url(first.server.url()) as old:
        old.config_set("min-replicas-to-write", 1)
    connection.set("where", "second")
    with redis.Redis.from_url(second.server.url()) as new:
        assert new.get("where") == b"second"


def test_a_primary_that_is_being_replaced_is_not_asked_though_its_sentinel_still_names_it(
    first: Running[Valkey], second: Running[Alike], tmp_path: Path
) -> None:
    follow(second.server, first.server, priority=1)
    with Running(Alike(tmp_path / "third", first.server)) as third:
        follow(third.server, first.server, priority=2)
        with Running(Sentinel(tmp_path / "sentinel", first.server)) as sentinel:
            connection = connected(sentinel.server.watched_url())
            with third.frozen():
                wait_until(sentinel.server.fails_over, "failover")
                wait_until(lambda: role(second.server) == b"master", "new primary")
                assert sentinel.server.says()["port"] == first.server.port
                with pytest.raises(redis.TimeoutError):
                    connection.set("where", "first")
            wait_until(lambda: sentinel.server.says()["flags"] == "master", "end of the failover")
            connection.set("where", "second")
    with redis.Redis.from_url(second.server.url()) as new:
        assert new.get("where") == b"second"


def test_a_primary_that_nobody_follows_is_lost_where_there_is_no_other(
    first: Running[Valkey], sentinel: Sentinel
) -> None:
    with redis.Redis.from_url(first.server.url()) as old:
        old.config_set("min-replicas-to-write", 1)
    with pytest.raises(redis.ConnectionError):
        connected(sentinel.watched_url()).set("where", "nowhere")


def test_a_sentinel_that_is_lost_is_passed_over(sentinel: Sentinel) -> None:
    assert connected(sentinel.watched_url(NOBODY_LISTENS, f"127.0.0.1:{free_port()}")).ping()


def test_a_sentinel_that_cannot_be_reached_costs_no_more_than_one_that_says_nothing(
    sentinel: Sentinel,
) -> None:
    with unreachable() as port:
        started = monotonic()
        assert connected(sentinel.watched_url(f"127.0.0.1:{port}")).ping()
    taken = monotonic() - started
    assert_when_quiet(taken < 5 * SECONDS, taken)


def test_sentinels_that_say_nothing_are_asked_once(first: Running[Valkey], tmp_path: Path) -> None:
    with Running(Sentinel(tmp_path / "silent", first.server)) as silent, silent.frozen():
        started = monotonic()
        with pytest.raises(redis.TimeoutError):
            connected(silent.server.watched_url()).ping()
    taken = monotonic() - started
    assert_when_quiet(taken < 2 * SECONDS, taken)


def follow(follower: Alike, primary: Valkey, priority: int) -> None:
    """Have it follow; of all who do, the one with the lowest priority is the next primary."""
    with redis.Redis.from_url(primary.url()) as connection:
        connection.config_set("repl-diskless-sync-delay", 0)
    with redis.Redis.from_url(follower.url()) as connection:
        connection.config_set("masterauth", urlsplit(primary.url()).password)
        connection.config_set("replica-priority", priority)
        connection.replicaof("127.0.0.1", primary.port)
        wait_until(lambda: b"connected" in connection.role(), "follower that has all")


def role(server: Valkey) -> Any:
    """What the server takes itself for; asked anew, for whoever becomes the primary hangs up."""
    with redis.Redis.from_url(server.url()) as connection:
        return connection.role()[0]


def connected(url: str) -> Any:
    retry = Retry(NoBackoff(), 1, (redis.ConnectionError,))
    return client(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=retry)
