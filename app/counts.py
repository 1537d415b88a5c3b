"""How often somebody asked: counted in Redis, and by each process for itself while that is lost."""

import logging
from time import monotonic, time
from typing import Any

from flask import g
from limits.storage import MemoryStorage, Storage
from redis import RedisError

from app import metrics
from app.cache import PAUSE_SECONDS, Cache

SCHEME = "counts"

COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

log = logging.getLogger(__name__)


class Counts(Storage):
    """Fixed windows, for Flask-Limiter as `counts://`.

    One round trip counts a request and brings all that is told of it. limits' own storage takes
    three for that; and Flask-Limiter's way of doing without it lets those requests crash that were
    waiting for Redis when another found it lost.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012

    def __init__(self, uri: str, cache: Cache, **options: Any) -> None:
        super().__init__(uri, **options)
        self._count = cache.client.register_script(COUNT)
        self._own = MemoryStorage()
        self._asleep_until = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the window of this key, which lasts `expiry` seconds from its first count."""
        seen = self._in_redis(key, expiry, amount) or self._in_process(key, expiry, amount)
        _windows()[key] = seen
        return seen[0]

    def get(self, key: str) -> int:
        """What this request found counted."""
        return _windows().get(key, (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """When the window ends that this request was counted in, in seconds of the epoch."""
        return _windows().get(key, (0, time()))[1]

    def check(self) -> bool:
        return not self._asleep_until

    def reset(self) -> None:
        raise NotImplementedError

    def clear(self, key: str) -> None:
        raise NotImplementedError

    def _in_redis(self, key: str, expiry: int, amount: int) -> tuple[int, float] | None:
        if not self._may_ask():
            return None
        try:
            count, milliseconds = self._count(keys=[key], args=[amount, expiry])
        except RedisError:
            self._lose()
            return None
        self._find()
        return count, time() + milliseconds / 1000

    def _in_process(self, key: str, expiry: int, amount: int) -> tuple[int, float]:
        return self._own.incr(key, expiry, amount), self._own.get_expiry(key)

    def _may_ask(self) -> bool:
        """Whether to ask Redis; of a lost one a single request a pause finds out how it is."""
        now = monotonic()
        if now < self._asleep_until:
            return False
        if self._asleep_until:
            self._asleep_until = now + PAUSE_SECONDS
        return True

    def _lose(self) -> None:
        metrics.part_failures.labels(part="limits").inc()
        if not self._asleep_until:
            log.warning("Redis does not answer; each process counts for itself what is limited")
        self._asleep_until = monotonic() + PAUSE_SECONDS

    def _find(self) -> None:
        if self._asleep_until:
            log.info("Redis answers again and counts what is limited")
            self._asleep_until = 0.0


def _windows() -> dict[str, tuple[int, float]]:
    """Count and end of each window that this request was counted in."""
    windows: dict[str, tuple[int, float]] = g.setdefault("windows", {})
    return windows
