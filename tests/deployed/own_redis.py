"""A Redis of the test's own, and what may happen to it for the length of a `with` block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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

    @contextmanager
    def reading_only(self) -> Iterator[None]:
        """It answers what only reads, and lets everything else wait."""
        with redis.Redis.from_url(self.url()) as client:
            client.client_pause(10_000, all=False)
            try:
                yield
            finally:
                client.client_unpause()


Fault = Callable[[OwnRedis], AbstractContextManager[None]]

LASTING: dict[str, Fault] = {"killed": OwnRedis.killed, "frozen": OwnRedis.frozen}
FAULTS: dict[str, Fault] = LASTING | {
    "emptied": OwnRedis.emptied,
    "restarted empty": OwnRedis.restarted_empty,
}
