"""A slow reader never stores an answer older than the last change, whatever Redis went through."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import redis

from app.cache import Cache
from app.exchange import Exchange
from dev.running import Running
from dev.valkey import Valkey
from dev.waiting import wait_until

KEY, OTHER = "what is asked for", "something else"
OLD, NEW, NEWER = b'"old"', b'"new"', b'"newer"'
FIRST, SECOND = b'"first"', b'"second"'
MAY_LAG, MAY_NOT = b"true", b"false"
MINUTE = 60.0
MOMENT = 0.02
NOBODY_LISTENS = "redis://127.0.0.1:1/0"

Event = Callable[[Cache, redis.Redis], Any]


def nothing(_cache: Cache, _redis: redis.Redis) -> None:
    pass


def a_change(cache: Cache, _redis: redis.Redis) -> None:
    cache.forget(KEY)


def a_copy_that_ends(cache: Cache, _redis: redis.Redis) -> None:
    cache.remember(KEY, lambda _: (NEW, MOMENT))
    end = monotonic() + 2 * MOMENT
    wait_until(lambda: monotonic() > end, "the copy ends")


def a_wipe(_cache: Cache, redis_client: redis.Redis) -> None:
    redis_client.flushdb()


def a_change_and_a_quick_reader(cache: Cache, _redis: redis.Redis) -> None:
    cache.forget(KEY)
    cache.remember(KEY, lambda _: (NEW, MINUTE))


def two_changes(cache: Cache, _redis: redis.Redis) -> None:
    cache.forget(KEY)
    cache.forget(KEY)


def a_change_and_a_copy_that_ends(cache: Cache, redis_client: redis.Redis) -> None:
    cache.forget(KEY)
    a_copy_that_ends(cache, redis_client)


def a_change_and_a_wipe(cache: Cache, redis_client: redis.Redis) -> None:
    cache.forget(KEY)
    redis_client.flushdb()


@pytest.mark.parametrize("before", [nothing, a_change, a_copy_that_ends, a_wipe])
@pytest.mark.parametrize(
    "meanwhile",
    [
        a_change,
        two_changes,
        a_change_and_a_quick_reader,
        a_change_and_a_copy_that_ends,
        a_change_and_a_wipe,
    ],
)
def test_a_slow_reader_does_not_store_what_was_true_before(
    cache: Cache, redis_client: redis.Redis, before: Event, meanwhile: Event
) -> None:
    def read_slowly(_may_lag: bool) -> tuple[bytes, float]:
        meanwhile(cache, redis_client)
        return OLD, MINUTE

    before(cache, redis_client)
    assert cache.remember(KEY, read_slowly) == (OLD, False)
    assert read(cache) == NEW


@pytest.mark.parametrize("before", [nothing, a_change, a_copy_that_ends, a_wipe])
def test_an_answer_is_read_once(cache: Cache, redis_client: redis.Redis, before: Event) -> None:
    before(cache, redis_client)
    assert cache.remember(KEY, lambda _: (FIRST, MINUTE)) == (FIRST, False)
    assert cache.remember(KEY, lambda _: (SECOND, MINUTE)) == (FIRST, True)


@pytest.mark.parametrize("answer", [b"null", b"{}", b"[]", b'""', b"0", b"false"])
def test_an_empty_answer_is_an_answer(cache: Cache, answer: bytes) -> None:
    cache.remember(KEY, lambda _: (answer, MINUTE))
    assert cache.remember(KEY, lambda _: (NEW, MINUTE)) == (answer, True)


@pytest.mark.parametrize("seconds", [0.0, -1.0, -1e9])
def test_an_answer_that_is_true_no_longer_is_not_stored(cache: Cache, seconds: float) -> None:
    cache.remember(KEY, lambda _: (OLD, seconds))
    assert read(cache) == NEW


def test_how_long_an_answer_is_true_counts_from_before_it_was_read(cache: Cache) -> None:
    def read_slowly(_may_lag: bool) -> tuple[bytes, float]:
        end = monotonic() + 2 * MOMENT
        wait_until(lambda: monotonic() > end, "the answer ends")
        return OLD, MOMENT

    cache.remember(KEY, read_slowly)
    assert read(cache) == NEW


def test_a_reader_who_fails_leaves_nothing_for_longer_than_a_minute(
    cache: Cache, redis_client: redis.Redis
) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.remember(KEY, fail)
    assert 0 < redis_client.ttl(KEY) <= 60


def test_an_answer_is_forgotten_alone(cache: Cache) -> None:
    for key in (KEY, OTHER):
        cache.remember(key, lambda _: (OLD, MINUTE))
    cache.forget(KEY)
    assert read(cache) == NEW
    assert read(cache, OTHER) == OLD


def test_several_answers_are_forgotten_at_once(cache: Cache) -> None:
    for key in (KEY, OTHER):
        cache.remember(key, lambda _: (OLD, MINUTE))
    cache.forget(KEY, OTHER)
    assert (read(cache), read(cache, OTHER)) == (NEW, NEW)


def test_what_one_process_forgets_the_others_do_not_give(cache: Cache, redis_url: str) -> None:
    cache.remember(KEY, lambda _: (OLD, MINUTE))
    connected(redis_url).forget(KEY)
    assert read(cache) == NEW


def test_what_nobody_changed_may_be_read_where_it_lags(cache: Cache) -> None:
    assert asked_for(cache) == MAY_LAG


def test_what_was_changed_may_not_be_read_where_it_lags(cache: Cache) -> None:
    cache.remember(KEY, lambda _: (OLD, MINUTE))
    cache.forget(KEY)
    assert asked_for(cache) == MAY_NOT


def test_a_copy_that_ends_soon_does_not_hide_that_there_was_a_change(
    cache: Cache, redis_client: redis.Redis
) -> None:
    a_change_and_a_copy_that_ends(cache, redis_client)
    assert asked_for(cache) == MAY_NOT


def test_a_change_is_over_after_half_a_minute(cache: Cache, redis_client: redis.Redis) -> None:
    cache.forget(KEY)
    assert 29 < redis_client.ttl(KEY) <= 30
    redis_client.delete(KEY)
    assert asked_for(cache) == MAY_LAG


def test_without_redis_nothing_may_be_read_where_it_lags() -> None:
    assert asked_for(connected(NOBODY_LISTENS)) == MAY_NOT


def test_without_redis_every_answer_is_read() -> None:
    cache = connected(NOBODY_LISTENS)
    assert cache.remember(KEY, lambda _: (FIRST, MINUTE)) == (FIRST, False)
    assert cache.remember(KEY, lambda _: (SECOND, MINUTE)) == (SECOND, False)


def test_what_could_not_be_forgotten_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    connected(NOBODY_LISTENS).forget(KEY)
    told = "Redis could not forget (ConnectionError); a copy may be given for 60 s"
    assert told in caplog.messages


def read(cache: Cache, key: str = KEY) -> Any:
    """What the next reader is given, while the truth is "new"."""
    answer, _ = cache.remember(key, lambda _: (NEW, MINUTE))
    return answer


def test_a_copy_of_another_reign_is_none(tmp_path: Path) -> None:
    with Running(Valkey(tmp_path / "redis")) as own:
        cache = connected(own.server.url())
        cache.remember(KEY, lambda _: (OLD, MINUTE))
        take_over(own.server.url())
        assert read(cache) == NEW
        assert cache.remember(KEY, lambda _: (NEWER, MINUTE)) == (NEW, True)


def test_a_reader_who_fails_after_another_reign_leaves_nothing_for_longer_either(
    tmp_path: Path,
) -> None:
    with Running(Valkey(tmp_path / "redis")) as own:
        cache = connected(own.server.url())
        cache.remember(KEY, lambda _: (OLD, MINUTE))
        take_over(own.server.url())
        with pytest.raises(ZeroDivisionError):
            cache.remember(KEY, fail)
        with redis.Redis.from_url(own.server.url()) as client:
            assert 0 < client.ttl(KEY) <= 60


def take_over(url: str) -> None:
    """Become the primary, with all that is known here, after having followed another."""
    with redis.Redis.from_url(url) as client:
        client.replicaof("127.0.0.1", "1")
        client.replicaof("NO", "ONE")


def fail(_may_lag: bool) -> tuple[bytes, float]:
    raise ZeroDivisionError


def asked_for(cache: Cache) -> Any:
    """What the next reader is told."""
    answer, _ = cache.remember(KEY, lambda may_lag: (MAY_LAG if may_lag else MAY_NOT, MINUTE))
    return answer


def connected(url: str) -> Cache:
    exchange = Exchange()
    exchange.timeout = 5
    exchange.init_app(url)
    return Cache(exchange)


@pytest.fixture
def cache(redis_url: str) -> Cache:
    return connected(redis_url)


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """The Redis behind the cache."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
