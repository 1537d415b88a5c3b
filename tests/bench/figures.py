"""Made-up figures of `make bench`."""

from collections.abc import Sequence
from typing import Any

from bench.comparisons import LARGE, SMALL
from bench.measuring import Measurement, Round, Turn
from bench.results import Results
from bench.truth import Truth

RUN: dict[str, str | int | float] = {
    "date": "21 November 2026",
    "minutes": 17.5,
    "filling": 3.5,
    "generator": "wrk",
    "users": 1_000_000,
    "referrals": 600_000,
    "small_users": 1000,
    "small_referrals": 500,
    "rounds_each": 3,
    "seconds": "3",
    "fresh": 300,
    "warm": 1000,
}
LOOK_UPS = ("cached look-up", "uncached look-up", "first page of 100", "me")


def turn(per_second: float = 1000, p50: float = 1, p99: float = 2) -> Turn:
    """What was answered, in this time."""
    return Turn(per_second, p50, p99, 3000, 0, 400, 100, 50, 90)


def beside_bare(name: str, pairs: Sequence[tuple[float, float]], **parts: float) -> Measurement:
    """A job, by what it and the bare route answered a second in each round."""
    rounds = [Round({"bare": turn(bare), "job": turn(job)}, parts) for job, bare in pairs]
    return Measurement(name, rounds, {"statements": 2})


def results(**others: Any) -> Results:
    """A run in which every goal is met, but for what is given."""
    hashed = [(39.0, 4000.0)] * 3
    jobs = [beside_bare(name, [(700, 1000)] * 3) for name in LOOK_UPS]
    jobs += [
        beside_bare(name, hashed, argon2id=0.025, statements=0.001)
        for name in ("log-in", "registration with a code")
    ]
    found: dict[str, Any] = {
        "machine": {"CPU": "an abacus"},
        "versions": {"Python": "3.14.0"},
        "run": RUN,
        "jobs": jobs,
        "pages": paged(turn(500), turn(450)),
        "sizes": [sized("me", turn(p50=4), turn(p50=5))],
        "busy": [busy("look-ups beside log-ins", turn(p99=2), turn(p99=5))],
        "memory": {"reads": samples(80, 90, 91, 91), "reads and log-ins": samples(91, 95, 96, 96)},
        "truth": Truth(changes=70, looked_up=280, old=0),
    }
    return Results(**found | others)


def paged(first: Turn, last: Turn) -> Measurement:
    notes = {"page": 10_000, "referrals": 200_000}
    return Measurement("first and last page of 20", [Round({"first": first, "last": last})], notes)


def sized(name: str, small: Turn, large: Turn) -> Measurement:
    users = {SMALL: 1000, LARGE: 1_000_000}
    return Measurement(name, [Round({SMALL: small, LARGE: large})], users)


def busy(name: str, idle: Turn, beside: Turn) -> Measurement:
    notes = {"log-ins a second": [38.5]}
    return Measurement(name, [Round({"idle": idle, "busy": beside})], notes)


def samples(*resident: float) -> list[dict[str, float]]:
    """The memory of a worker, after each ten thousand requests."""
    return [
        {"requests": 10_000.0 * number, "rss": each, "pss": each - 10, "uss": each - 20}
        for number, each in enumerate(resident)
    ]
