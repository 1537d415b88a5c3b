"""bench/RESULTS.md: what came of a run, in tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.goals import Goal, goals, of_argon2id, of_bare, of_parts
from bench.measuring import Measurement, Turn
from bench.plots import PLOTS
from bench.results import Results, Spread, middle, spread

TEMPLATE = Path(__file__).with_name("RESULTS.template.md")
TRIED = Path(__file__).with_name("TRIED.md")
COLUMNS: dict[str, Callable[[Turn], float]] = {
    "answers/s": lambda turn: turn.per_second,
    "p50 ms": lambda turn: turn.p50,
    "p99 ms": lambda turn: turn.p99,
    "µs of the worker": lambda turn: turn.service_cpu,
    "of PostgreSQL": lambda turn: turn.postgres_cpu,
    "of Valkey": lambda turn: turn.valkey_cpu,
    "MiB": lambda turn: turn.rss,
    "errors": lambda turn: turn.errors,
}
RATIOS = {"of bare": of_bare, "of argon2id alone": of_argon2id, "of its parts": of_parts}


def report(results: Results) -> str:
    """The whole page."""
    truth = results.truth
    return TEMPLATE.read_text().format(
        machine=_table(["", ""], results.machine.items()),
        versions=_table(["", "version"], results.versions.items()),
        goals=goals_table(goals(results)),
        jobs="\n\n".join(map(_job, results.jobs)),
        pages=_turns(results.pages),
        sizes="\n\n".join(f"{each.name.capitalize()}:\n\n{_turns(each)}" for each in results.sizes),
        busy="\n\n".join(map(_busy, results.busy)),
        memory="\n\n".join(map(_memory, results.memory.items())),
        rounds="\n\n".join(map(_rounds, _measurements(results))),
        tried=TRIED.read_text().strip(),
        plots="\n\n".join(f"![{text}](plots/{name}.svg)" for name, text in PLOTS.items()),
        **results.run,
        **asdict(truth),
    )


def goals_table(reached: Iterable[Goal]) -> str:
    """Each goal with its figure."""
    rows = [
        (
            goal.job,
            _spread(goal.figure),
            goal.unit,
            _wanted(goal),
            "met" if goal.met else "**not met**",
        )
        for goal in reached
    ]
    return _table(["job", "figure (least to greatest)", "", "goal", ""], rows)


def _wanted(goal: Goal) -> str:
    if goal.at_least is None:
        return f"at most {goal.at_most:g}"
    hoped_for = f", {goal.hoped_for:g} hoped for" if goal.hoped_for else ""
    return f"at least {goal.at_least:g}{hoped_for}"


def _job(measurement: Measurement) -> str:
    ratios = ", ".join(
        f"{_spread(spread(measurement, ratio))} {unit}"
        for unit, ratio in RATIOS.items()
        if unit == "of bare" or _has_parts(measurement, unit)
    )
    parts = "".join(_part(measurement, part) for part in measurement.rounds[0].parts)
    return f"### {measurement.name.capitalize()}\n\n{_turns(measurement)}\n\n{ratios}.{parts}"


def _has_parts(measurement: Measurement, unit: str) -> bool:
    parts = measurement.rounds[0].parts
    return bool(parts) if unit == "of its parts" else "argon2id" in parts


def _part(measurement: Measurement, part: str) -> str:
    figure = spread(measurement, lambda each: each.parts[part] * 1000)
    number = f"{measurement.notes['statements']} " if part == "statements" else ""
    return f" The {number}{part} alone: {_spread(figure)} ms."


def _busy(measurement: Measurement) -> str:
    rates = measurement.notes["log-ins a second"]
    log_ins = f"Log-ins a second meanwhile: {', '.join(f'{rate:.1f}' for rate in rates)}."
    return f"### {measurement.name.capitalize()}\n\n{_turns(measurement)}\n\n{log_ins}"


def _memory(measured: tuple[str, list[dict[str, float]]]) -> str:
    answered, samples = measured
    rows = [
        [f"{sample['requests']:,.0f}", *_figures(list(sample.values())[1:])] for sample in samples
    ]
    return f"### {answered.capitalize()}\n\n" + _table([answered, "RSS", "PSS", "USS"], rows)


def _turns(measurement: Measurement) -> str:
    """The medians over the rounds."""
    rows = [
        [name, *_figures(middle(measurement, name, figure) for figure in COLUMNS.values())]
        for name in measurement.rounds[0].turns
    ]
    return _table(["median", *COLUMNS], rows)


def _rounds(measurement: Measurement) -> str:
    """Every round."""
    rows = [
        [str(number), name, *_figures(_of(turn))]
        for number, each in enumerate(measurement.rounds, start=1)
        for name, turn in each.turns.items()
    ]
    parts = [_part_by_round(measurement, part) for part in measurement.rounds[0].parts]
    table = _table(["round", "", *COLUMNS], rows)
    return "\n\n".join([f"**{measurement.name.capitalize()}**", table, *parts])


def _part_by_round(measurement: Measurement, part: str) -> str:
    times = ", ".join(f"{each.parts[part] * 1000:.3f}" for each in measurement.rounds)
    return f"{part.capitalize()} alone, ms: {times}"


def _of(turn: Turn) -> list[float]:
    return [figure(turn) for figure in COLUMNS.values()]


def _measurements(results: Results) -> list[Measurement]:
    return [*results.jobs, results.pages, *results.sizes, *results.busy]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _spread(figure: Spread) -> str:
    least, greatest = _figure(figure.least), _figure(figure.greatest)
    return f"{_figure(figure.median)} ({least} to {greatest})"


def _figures(figures: Iterable[float]) -> list[str]:
    return [_figure(figure) for figure in figures]


def _figure(figure: float) -> str:
    """Three digits that count."""
    return f"{figure:,.0f}" if abs(figure) >= 99.95 or figure == 0 else f"{figure:#.3g}"
