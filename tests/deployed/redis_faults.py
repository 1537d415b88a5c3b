"""What happens to a Redis, for the length of a `with` block."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import redis

from dev.running import Running
from dev.valkey import Valkey


class BreakableRedis:
    """A Valkey of the test's own."""

    def __init__(self, folder: Path):
        self._valkey = Valkey(folder)
        self._running = Running(self._valkey)
        self.url = self._valkey.url

    @contextmanager
    def started(self) -> Iterator[None]:
        with self._running:
            yield

    @contextmanager
    def killed(self) -> Iterator[None]:
        self._running.kill()
        yield
        self._running.start()

    def frozen(self) -> AbstractContextManager[None]:
        return self._running.frozen()

    @contextmanager
    def emptied(self) -> Iterator[None]:
        with redis.Redis.from_url(self.url()) as client:
            client.flushall()
        yield

    @contextmanager
    def restarted_empty(self) -> Iterator[None]:
        self._running.kill()
        self._running.start()
        yield


Fault = Callable[[BreakableRedis], AbstractContextManager[None]]

LASTING: dict[str, Fault] = {
    "killed": BreakableRedis.killed,
    "frozen": BreakableRedis.frozen,
}
FAULTS: dict[str, Fault] = LASTING | {
    "emptied": BreakableRedis.emptied,
    "restarted empty": BreakableRedis.restarted_empty,
}
