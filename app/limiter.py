"""How often somebody asked: counted in Redis, and by each process for itself while that is lost."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from time import time
from typing import NamedTuple

from flask import current_app
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from redis import RedisError

from app import metrics
from app.exchange import Exchange, Question, Script

COUNT = Script("""
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
""")


class Window(NamedTuple):
    """How somebody stands with one limit, this request counted."""

    limit: RateLimitItem
    number: int
    ends_at: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit.amount - self.number)

    @property
    def is_exceeded(self) -> bool:
        return self.number > self.limit.amount


class Limiter:
    """Fixed windows, each from the first request in it. What Redis loses is counted afresh."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._own = MemoryStorage()

    def count(self, setting: str, who: str) -> Callable[[], list[Window]]:
        """Count one more request of theirs, by the limits that this setting names.

        Redis is asked together with whatever it is asked next, or when the answer is wanted.

        :returns: tells how they stand.
        """
        config = current_app.config
        limits = _limits(config[setting], setting, who) if config["RATELIMIT_ENABLED"] else ()
        counted = [self._start(limit, key) for limit, key in limits]
        return lambda: [count() for count in counted]

    def _start(self, limit: RateLimitItem, key: str) -> Callable[[], Window]:
        question = self._exchange.start(COUNT, [key], limit.get_expiry())
        return partial(self._window, limit, key, question)

    def _window(self, limit: RateLimitItem, key: str, question: Question) -> Window:
        try:
            count, milliseconds = self._exchange.result(COUNT, question)
        except RedisError:
            metrics.part_failures.labels("limits").inc()
            count = self._own.incr(key, limit.get_expiry())
            return Window(limit, count, self._own.get_expiry(key))
        return Window(limit, count, time() + milliseconds / 1000)


# Most of those who ask have asked before.
@lru_cache(maxsize=4096)
def _limits(figures: str, setting: str, who: str) -> Sequence[tuple[RateLimitItem, str]]:
    """The limits that these figures are, and where each is counted for them."""
    return [(limit, limit.key_for(who, setting)) for limit in parse_many(figures)]
