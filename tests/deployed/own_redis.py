"""A Redis of the test's own, and what may happen to it for the length of a `with` block."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf
from pathlib import Path

import redis

from dev.running import Running
from dev.valkey import Valkey


class OwnRedis:
    """A server that holds only what may be lost."""

    def __init__(self, folder: Path):
        self._running = Running(Valkey(folder / "valkey"))
        self.log = folder / "valkey" / "log"
        self.url = self._running.server.url

    @contextmanager
    def started(self) -> Iterator[None]:
        with self._running:
            yield

    def empty(self) -> None:
        with redis.Redis.from_url(self.url()) as client:
            client.flushall()

    def has_copies(self) -> bool:
        """Tell whether any answer is remembered."""
        with redis.Redis.from_url(self.url()) as client:
            return any((client.get(key) or b"").startswith(b"{") for key in client.scan_iter())

    def contents(self) -> str:
        """Every key and value of every database, with what Celery's calls carry."""
        raw = b"".join(part for number in range(2) for part in self._contents(number))
        bodies = re.findall(rb'"body": "([^"]+)"', raw)
        return b"\n".join([raw, *map(b64decode, bodies)]).decode(errors="replace")

    def longest_life(self) -> float:
        """For how many seconds anything in it will stay at most."""
        with redis.Redis.from_url(self.url()) as client:
            lives = [client.pttl(key) / 1000 for key in client.scan_iter()]
        return inf if min(lives) < 0 else max(lives)

    def _contents(self, number: int) -> Iterator[bytes]:
        with redis.Redis.from_url(self.url(number)) as client:
            for key in client.scan_iter():
                yield key
                match client.type(key):
                    case b"string":
                        yield client.get(key) or b""
                    case b"list":
                        yield from client.lrange(key, 0, -1)
                    case b"set":
                        yield from client.smembers(key)
                    case b"zset":
                        yield from client.zrange(key, 0, -1)
                    case b"hash":
                        for field, value in client.hgetall(key).items():
                            yield field + value

    @contextmanager
    def killed(self) -> Iterator[None]:
        self._running.kill()
        try:
            yield
        finally:
            self._running.start()

    def frozen(self) -> AbstractContextManager[None]:
        return self._running.frozen()

    @contextmanager
    def full(self) -> Iterator[None]:
        """It answers, and takes nothing more."""
        with redis.Redis.from_url(self.url()) as client:
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)

    @contextmanager
    def emptied(self) -> Iterator[None]:
        self.empty()
        yield

    @contextmanager
    def restarted_empty(self) -> Iterator[None]:
        with self.killed():
            pass
        yield


Fault = Callable[[OwnRedis], AbstractContextManager[None]]

LASTING: dict[str, Fault] = {"killed": OwnRedis.killed, "frozen": OwnRedis.frozen}
FAULTS: dict[str, Fault] = LASTING | {
    "emptied": OwnRedis.emptied,
    "restarted empty": OwnRedis.restarted_empty,
    "full": OwnRedis.full,
}
