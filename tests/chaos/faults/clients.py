"""Other clients are slow and mean harm."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from tests.chaos import hostile
from tests.chaos.clients import Client
from tests.chaos.fault import Fault, Round
from tests.chaos.world import World

SECONDS = 10
LOOKUPS = 400
LIMIT = "60 per minute"
# How much longer look-ups may take, and what is too short to be measured on a busy machine.
TIMES = 5
NOISE_SECONDS = 0.05


class Hostile(Fault):
    """The limit of log-ins is what it is by default, for it is what stands against a flood."""

    name = "slow and hostile clients"
    how = f"{hostile.SLOW} connections of a byte a second, deep JSON, a flood of log-ins"
    acts = (Client.register_with_a_code, Client.publish, Client.look_somebody_up)
    clients = 2
    is_felt = False
    recovers_within = 0

    def __init__(self) -> None:
        self._p99: list[tuple[float, float]] = []

    def world(self, folder: Path) -> World:
        return World(folder, lambda _: {"REFERRAL_RATELIMIT_LOGIN": LIMIT})

    def strike(self, world: World) -> None:
        before = p99_of_lookups(world.url)
        with hostile.at_work(world.url):
            # The limit takes a moment to be reached.
            time.sleep(SECONDS)
            self._p99.append((before, p99_of_lookups(world.url)))

    def check(self, _: Round) -> Iterator[str]:
        before, meanwhile = self._p99[-1]
        if meanwhile > max(TIMES * before, NOISE_SECONDS):
            yield f"look-ups took {meanwhile:.3f} s instead of {before:.3f} s (p99)"

    def remark(self, _: Sequence[Round]) -> str:
        ratios = [meanwhile / before for before, meanwhile in self._p99]
        return f"p99 of look-ups {max(ratios):.1f} times at most what it was before"


def p99_of_lookups(url: str) -> float:
    """What 99 of 100 look-ups take at most, one after the other, in seconds."""
    took = []
    with httpx.Client(base_url=url, timeout=20) as http:
        for _ in range(LOOKUPS):
            started = time.perf_counter()
            http.get("/referral/code/by-email", params={"email": "r1-referrer-0@example.com"})
            took.append(time.perf_counter() - started)
    return sorted(took)[LOOKUPS * 99 // 100]
