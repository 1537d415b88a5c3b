"""What several threads ask Redis over one connection, and what becomes of it when that is lost."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
import redis

from app.exchange import PAUSE_SECONDS, Exchange, Script
from dev.waiting import wait_until
from tests.deployed.own_redis import LASTING, Fault, OwnRedis
from tests.deployed.together import at_once, meanwhile
from tests.quiet import assert_when_quiet
from tests.round_trips import round_trips
from tests.unreachable import unreachable

GIVE = Script("return ARGV[1]")
INCREASE = Script("return redis.call('INCR', KEYS[1])")
KEY, LIST = "what is increased", "what cannot be"
THREADS, EACH = 8, 25
# Longer than the service waits, for a machine with much else to do is no lost Redis.
TIMEOUT = 0.6

# In a process of its own, for what gevent changes stays changed.
REQUESTS_OF_ONE_THREAD = """
from gevent import joinall, monkey, spawn
monkey.patch_all()
import sys
from redis import Redis
from app.exchange import Exchange
from tests.round_trips import round_trips
exchange = Exchange()
exchange.init_app(sys.argv[1])
exchange.ask("PING")
ask = lambda: joinall([spawn(exchange.ask, "PING") for _ in range(16)], raise_error=True)
print(round_trips(Redis.from_url(sys.argv[1]), ask))
"""

any_loss = pytest.mark.parametrize("loss", LASTING.values(), ids=LASTING)


def test_what_many_ask_at_once_takes_fewer_round_trips_than_questions(
    exchange: Exchange, client: redis.Redis
) -> None:
    ask = partial(at_once, [partial(ask_much, exchange, str(name)) for name in range(THREADS)])
    assert 0 < round_trips(client, ask) < THREADS * EACH


def test_what_is_asked_at_the_same_moment_by_requests_of_one_thread_takes_one_round_trip(
    own: OwnRedis,
) -> None:
    command = [sys.executable, "-c", REQUESTS_OF_ONE_THREAD, own.url()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_everybody_gets_the_answers_to_their_own_questions(exchange: Exchange) -> None:
    names = list(map(str, range(THREADS)))
    answers = at_once([partial(ask_much, exchange, name) for name in names])
    assert answers == [[f"{name} {n}".encode() for n in range(EACH)] for name in names]


def test_scripts_that_were_started_run_in_the_round_trip_of_the_next_question(
    exchange: Exchange, client: redis.Redis
) -> None:
    exchange.run(GIVE, [], "known from now on")

    def ask() -> list[Any]:
        started = [exchange.start(GIVE, [], number) for number in range(3)]
        exchange.ask("PING")
        return [exchange.result(GIVE, question) for question in started]

    assert round_trips(client, ask) == 1
    assert ask() == [b"0", b"1", b"2"]


def test_what_is_told_is_done(exchange: Exchange, client: redis.Redis) -> None:
    exchange.tell(INCREASE, [KEY])
    assert client.get(KEY) == b"1"


def test_all_that_many_tell_at_once_is_done_in_fewer_round_trips(
    exchange: Exchange, client: redis.Redis
) -> None:
    def tell_much() -> None:
        for _ in range(EACH):
            exchange.tell(INCREASE, [KEY])

    trips = round_trips(client, partial(at_once, [tell_much] * THREADS))
    assert client.get(KEY) == str(THREADS * EACH).encode()
    assert trips < THREADS * EACH


def test_what_is_told_a_lost_redis_fails_nobody(exchange: Exchange, own: OwnRedis) -> None:
    with own.frozen():
        exchange.tell(INCREASE, [KEY])
    assert exchange.ask("ECHO", "back") == b"back"


def test_an_error_is_of_that_question_alone(exchange: Exchange, client: redis.Redis) -> None:
    exchange.run(INCREASE, [KEY])
    client.rpush(LIST, "an item")
    wrong, right = exchange.start(INCREASE, [LIST]), exchange.start(INCREASE, [KEY])
    assert exchange.ask("ECHO", "asked with them") == b"asked with them"
    assert exchange.result(INCREASE, right) == 2
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        exchange.result(INCREASE, wrong)
    assert exchange.run(INCREASE, [KEY]) == 3


def test_scripts_run_when_redis_has_forgotten_them(exchange: Exchange, client: redis.Redis) -> None:
    exchange.run(INCREASE, [KEY])
    client.script_flush()
    assert exchange.run(INCREASE, [KEY]) == 2
    assert round_trips(client, partial(exchange.run, INCREASE, [KEY])) == 1


def test_a_restart_of_redis_is_noticed_by_nobody(exchange: Exchange, own: OwnRedis) -> None:
    exchange.run(GIVE, [], "before")
    with own.killed():
        pass
    assert exchange.run(GIVE, [], "after") == b"after"


@any_loss
def test_a_question_to_a_lost_redis_fails_in_time(
    exchange: Exchange, own: OwnRedis, loss: Fault
) -> None:
    with loss(own):
        for _ in range(3):
            assert seconds(partial(fail, exchange.ask, "PING")) < 3 * TIMEOUT


def test_a_question_to_a_redis_that_cannot_be_reached_fails_within_a_second() -> None:
    exchange = Exchange()
    with unreachable() as port:
        exchange.init_app(f"redis://127.0.0.1:{port}")
        taken = seconds(partial(fail, exchange.ask, "PING"))
    assert_when_quiet(taken < 1, taken)


def test_a_redis_that_is_slow_is_not_asked_twice(
    exchange: Exchange, own: OwnRedis, client: redis.Redis
) -> None:
    before = connections(client)
    lose(exchange, own)
    assert connections(client) == before


def test_all_who_ask_a_lost_redis_at_once_fail_together(
    exchange: Exchange, own: OwnRedis, client: redis.Redis
) -> None:
    before = connections(client)
    with own.frozen():
        times = at_once([partial(seconds, partial(fail, exchange.ask, "PING"))] * THREADS)
    assert max(times) < 2 * TIMEOUT
    assert connections(client) == before


def test_scripts_are_not_sent_to_a_redis_that_was_lost_a_moment_ago(
    exchange: Exchange, own: OwnRedis, client: redis.Redis
) -> None:
    lose(exchange, own)
    fail(exchange.run, INCREASE, [KEY])
    assert client.get(KEY) is None


def test_scripts_wait_for_nobody_who_asks_a_lost_redis(exchange: Exchange, own: OwnRedis) -> None:
    with own.frozen():
        fail(exchange.ask, "PING")
        with meanwhile(partial(fail, exchange.ask, "PING"), threads=1):
            times = [seconds(partial(fail, exchange.run, GIVE, [], "")) for _ in range(10)]
    assert sum(times) < TIMEOUT


def test_a_question_is_put_to_a_redis_that_was_lost_a_moment_ago(
    exchange: Exchange, own: OwnRedis
) -> None:
    lose(exchange, own)
    assert exchange.ask("ECHO", "back") == b"back"
    assert exchange.run(GIVE, [], "back") == b"back"


@any_loss
def test_scripts_find_redis_again_once_it_is_back(
    exchange: Exchange, own: OwnRedis, loss: Fault
) -> None:
    with loss(own):
        fail(exchange.run, GIVE, [], "lost")
    wait_until(partial(runs, exchange), "script that runs", 2 * PAUSE_SECONDS)


def test_one_script_a_second_finds_out_whether_redis_is_back(
    exchange: Exchange, own: OwnRedis
) -> None:
    with own.frozen():
        fail(exchange.ask, "PING")
        end = monotonic() + PAUSE_SECONDS
        wait_until(lambda: monotonic() > end, "end of the pause")
        try_to_run = partial(fail, exchange.run, GIVE, [], "")
        times = at_once([partial(seconds, try_to_run)] * THREADS)
    assert len([time for time in times if time >= TIMEOUT]) == 1


def test_an_answer_that_comes_too_late_is_given_to_nobody(
    exchange: Exchange, own: OwnRedis
) -> None:
    with own.frozen():
        fail(exchange.ask, "ECHO", "late")
    assert [exchange.ask("ECHO", f"{n}") for n in range(3)] == [b"0", b"1", b"2"]


def test_what_was_started_before_redis_was_lost_fails_with_it(
    exchange: Exchange, own: OwnRedis
) -> None:
    exchange.run(GIVE, [], "known from now on")
    with own.frozen():
        started = exchange.start(GIVE, [], "early")
        fail(exchange.ask, "PING")
    fail(exchange.result, GIVE, started)


def ask_much(exchange: Exchange, name: str) -> list[Any]:
    return [exchange.ask("ECHO", f"{name} {number}") for number in range(EACH)]


def fail(ask: Callable[..., object], *question: Any) -> None:
    with pytest.raises(redis.RedisError):
        ask(*question)


def lose(exchange: Exchange, own: OwnRedis) -> None:
    """Let Redis be away for the time of one question."""
    with own.frozen():
        fail(exchange.ask, "PING")


def connections(client: redis.Redis) -> int:
    """How many have ever been made to this Redis."""
    # It takes in those that wait before it comes to the second question.
    client.ping()
    return cast(int, client.info("stats")["total_connections_received"])


def runs(exchange: Exchange) -> bool:
    try:
        return bool(exchange.run(GIVE, [], "back") == b"back")
    except redis.RedisError:
        return False


def seconds(do: Callable[[], object]) -> float:
    """How long that takes."""
    began = monotonic()
    do()
    return monotonic() - began


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    with own.started():
        yield own


@pytest.fixture
def exchange(own: OwnRedis) -> Exchange:
    """Connected."""
    exchange = Exchange()
    exchange.timeout = TIMEOUT
    exchange.init_app(own.url())
    exchange.ask("PING")
    return exchange


@pytest.fixture
def client(own: OwnRedis) -> Iterator[redis.Redis]:
    """Another connection to the same Redis."""
    with redis.Redis.from_url(own.url()) as client:
        yield client
