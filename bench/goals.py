"""What is to be reached, and whether it was."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.busy import APART
from bench.comparisons import LARGE, SMALL
from bench.measuring import Measurement, Round
from bench.memory import Sample
from bench.results import Results, Spread, spread
from bench.truth import Truth

LARGEST_MIB = 120
# How much a worker may grow after the second of ten samples, when it has what it keeps.
FLAT = 1.05
SETTLED = 2

Ratio = Callable[[Round], float]


@dataclass(frozen=True)
class Goal:
    """A goal, and the figure that was reached."""

    job: str
    unit: str
    figure: Spread
    at_least: float | None = None
    at_most: float | None = None
    hoped_for: float | None = None

    @property
    def met(self) -> bool:
        if self.at_least is not None:
            return self.figure.median >= self.at_least
        return self.at_most is not None and self.figure.median <= self.at_most


def of_bare(each: Round) -> float:
    """The throughput of the job, as a part of the bare route's."""
    return each.turns["job"].per_second / each.turns["bare"].per_second


def of_argon2id(each: Round) -> float:
    """The throughput of the job, as a part of that of argon2id alone."""
    return each.turns["job"].per_second * each.parts["argon2id"]


def of_parts(each: Round) -> float:
    """The throughput of the job, as a part of what its parts would allow one after the other."""
    return each.turns["job"].per_second * sum(each.parts.values())


def of_first_page(each: Round) -> float:
    """How long the last page takes, in first pages."""
    return each.turns["first"].per_second / each.turns["last"].per_second


def of_idle(each: Round) -> float:
    """The p99 beside log-ins, in those without."""
    return each.turns["busy"].p99 / each.turns["idle"].p99


def of_small(each: Round) -> float:
    """The p50 in the large database, in those in the small one."""
    return each.turns[LARGE].p50 / each.turns[SMALL].p50


CEILINGS: dict[str, tuple[str, Ratio, float, float | None]] = {
    "cached look-up": ("of bare", of_bare, 0.55, 0.65),
    "uncached look-up": ("of bare", of_bare, 0.40, None),
    "first page of 100": ("of bare", of_bare, 0.40, None),
    "me": ("of bare", of_bare, 0.35, None),
    "log-in": ("of argon2id alone", of_argon2id, 0.90, None),
    "registration with a code": ("of argon2id alone", of_argon2id, 0.85, None),
}


def goals(results: Results) -> list[Goal]:
    """Every goal with its figure."""
    return [
        *map(_ceiling, results.jobs),
        _page(results.pages),
        *(_busy(each) for each in results.busy if APART in each.name),
        *map(_size, results.sizes),
        *_memory(results.memory),
        _truth(results.truth),
    ]


def _ceiling(measurement: Measurement) -> Goal:
    unit, ratio, at_least, hoped_for = CEILINGS[measurement.name]
    figure = spread(measurement, ratio)
    return Goal(measurement.name, unit, figure, at_least=at_least, hoped_for=hoped_for)


def _page(measurement: Measurement) -> Goal:
    job = f"page {measurement.notes['page']:,} of {measurement.notes['referrals']:,} referrals"
    return Goal(job, "times page 1", spread(measurement, of_first_page), at_most=1.2)


def _busy(measurement: Measurement) -> Goal:
    job = "look-ups while every other worker is busy with log-ins, p99"
    return Goal(job, "times the idle p99", spread(measurement, of_idle), at_most=3)


def _size(measurement: Measurement) -> Goal:
    job = f"{measurement.name} at {measurement.notes[LARGE]:,} users, p50"
    unit = f"times that at {measurement.notes[SMALL]:,}"
    return Goal(job, unit, spread(measurement, of_small), at_most=1.3)


def _truth(truth: Truth) -> Goal:
    job = f"{truth.looked_up:,} look-ups right after a change"
    return Goal(job, "old answers", Spread(truth.old, truth.old, truth.old), at_most=0)


def _memory(memory: dict[str, list[Sample]]) -> list[Goal]:
    found = []
    for answered, samples in memory.items():
        requests, resident = samples[-1]["requests"], [each["rss"] for each in samples]
        job = f"memory of one worker after {requests:,.0f} {answered}"
        most, growth = max(resident), resident[-1] / resident[SETTLED]
        found.append(
            Goal(job, "MiB resident", Spread(most, min(resident), most), at_most=LARGEST_MIB)
        )
        figure = Spread(growth, growth, growth)
        found.append(Goal(f"{job}, flat", "times that after a fifth", figure, at_most=FLAT))
    return found
