"""A Redis of the test's own, and what may happen to it for the length of a `with` block."""

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

    def longest_life(self) -> float:
        """For how many seconds anything in it will stay at most."""
        with redis.Redis.from_url(self.url()) as client:
            lives = [client.pttl(key) / 1000 for key in client.scan_iter()]
        return inf if min(lives) < 0 else max(lives)

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
}
