"""Redis is killed and with it all it held, freezes, and flaps."""

import time
from collections.abc import Iterator, Sequence

import redis

from dev.waiting import wait_until
from tests.chaos.fault import Fault, Round
from tests.chaos.figures import p99
from tests.chaos.flood import Flood
from tests.chaos.world import ALLOWED, World

FROZEN_SECONDS = 60
P99_SECONDS = 1
FULL_SECONDS = 10
FLAPS = 5
FLAPPING_SECONDS = 10
BACK_SECONDS = 60
GUNICORN_WORKERS = 2


class RedisFault(Fault):
    """It holds only what may be lost, so no request may fail."""

    is_felt = False
    recovers_within = 0


class Killed(RedisFault):
    name = "Redis is killed and wiped"
    how = "SIGKILL; what it held was in its memory alone"

    def strike(self, world: World) -> None:
        with Flood(world.url) as self._flood:
            wait_until(lambda: self._flood.refused > 0, "limit")
            world.kill("valkey")
            wait_until(lambda: world.has_part("valkey"), "Redis")
            refused = self._flood.refused
            wait_until(lambda: self._flood.refused > refused + ALLOWED, "limit again")

    def check(self, round_: Round) -> Iterator[str]:
        # Redis counts before and after, and each worker for itself meanwhile.
        most = ALLOWED * (2 + GUNICORN_WORKERS)
        if self._flood.admitted > most:
            yield f"{self._flood.admitted} requests were admitted instead of {most}"


class Freeze(RedisFault):
    name = "Redis freezes"
    how = f"SIGSTOP for {FROZEN_SECONDS} s"

    def strike(self, world: World) -> None:
        with world.frozen("valkey"):
            time.sleep(FROZEN_SECONDS)

    def check(self, round_: Round) -> Iterator[str]:
        if p99(round_.during) > P99_SECONDS:
            yield f"the 99th percentile is {p99(round_.during):.2f} s"

    def remark(self, rounds: Sequence[Round]) -> str:
        return f"p99 {max(p99(each.during) for each in rounds):.2f} s at most"


class Full(RedisFault):
    name = "Redis is full"
    how = f"`maxmemory` of a byte for {FULL_SECONDS} s: it answers, and takes nothing"

    def strike(self, world: World) -> None:
        with redis.Redis.from_url(world.setting("REDIS_URL_CACHE")) as client:
            client.config_set("maxmemory", 1)
            time.sleep(FULL_SECONDS)
            client.config_set("maxmemory", 0)


class Flaps(RedisFault):
    name = "Redis flaps"
    how = f"SIGKILL {FLAPS} times in {FLAPPING_SECONDS} s"

    def __init__(self) -> None:
        self._back: list[float] = []

    def strike(self, world: World) -> None:
        for _ in range(FLAPS):
            wait_until(lambda: world.has_part("valkey"), "Redis")
            world.kill("valkey")
            time.sleep(FLAPPING_SECONDS / FLAPS)
        wait_until(lambda: world.has_part("valkey"), "Redis")
        began, mails = time.monotonic(), len(world.mails.mails)
        wait_until(lambda: len(world.mails.mails) > mails, "mail", BACK_SECONDS)
        self._back.append(time.monotonic() - began)

    def remark(self, _: Sequence[Round]) -> str:
        return f"the worker was back within {max(self._back):.1f} s"
