"""Everything that was measured in one run."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.measuring import Measurement, Round, Turn
from bench.memory import Sample
from bench.truth import Truth


@dataclass(frozen=True)
class Spread:
    """The median over the rounds, the least and the greatest."""

    median: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Results:
    """What the report tells of.

    :param jobs: each beside its ceilings.
    :param sizes: each read in a small and in a large database.
    :param busy: look-ups while there are log-ins.
    :param memory: of a worker, by what it answered.
    """

    machine: dict[str, str]
    versions: dict[str, str]
    run: dict[str, str | int | float]
    jobs: list[Measurement]
    pages: Measurement
    sizes: list[Measurement]
    busy: list[Measurement]
    memory: dict[str, list[Sample]]
    truth: Truth


def spread(measurement: Measurement, figure: Callable[[Round], float]) -> Spread:
    """A figure over the rounds; ratios are of turns of the same round."""
    figures = [figure(each) for each in measurement.rounds]
    return Spread(median(figures), min(figures), max(figures))


def middle(measurement: Measurement, turn: str, figure: Callable[[Turn], float]) -> float:
    """The median of a figure of the turns with this name."""
    return spread(measurement, lambda each: figure(each.turns[turn])).median


def write(results: Results, path: Path) -> None:
    """Keep every figure of every round."""
    path.write_text(json.dumps(asdict(results), indent=1) + "\n")
