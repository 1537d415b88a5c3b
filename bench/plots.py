"""The plots of bench/RESULTS.md, the same bytes for the same figures."""

from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.goals import LARGEST_MIB, Ratio, of_argon2id, of_bare
from bench.measuring import Measurement, Turn
from bench.results import Results, middle, spread

PLOTS = {
    "throughput": "Answers a second, beside the bare route",
    "hashing": "Answers a second, beside argon2id alone",
    "latency": "How long an answer takes: p50 and p99",
    "cpu": "CPU for each request: the worker, PostgreSQL and Valkey",
    "memory": "Memory of one worker over the requests it has answered",
}
STYLE = Path(__file__).with_suffix(".mplstyle")
BARE, JOB, THIRD = "#b8c4ce", "#1f6f8b", "#e08e45"
VALKEY = "#9c4a8b"


Bars = list[tuple[str, str, list[float]]]


def draw(results: Results, folder: Path) -> None:
    """Write all plots."""
    folder.mkdir(exist_ok=True)
    with style.context(STYLE):
        for name, title in PLOTS.items():
            figure = Figure()
            axes = figure.subplots()
            DRAWN[name](results, axes)
            axes.set_title(title)
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _throughput(results: Results, axes: Axes) -> None:
    quick = [each for each in results.jobs if not _hashes(each)]
    ceilings = [middle(each, "bare", _per_second) for each in quick]
    _beside_ceiling(axes, quick, "bare", ceilings, of_bare)


def _hashing(results: Results, axes: Axes) -> None:
    slow = [each for each in results.jobs if _hashes(each)]
    ceilings = [spread(each, lambda one: 1 / one.parts["argon2id"]).median for each in slow]
    _beside_ceiling(axes, slow, "argon2id alone", ceilings, of_argon2id)


def _beside_ceiling(
    axes: Axes, jobs: list[Measurement], name: str, ceilings: list[float], ratio: Ratio
) -> None:
    heights = [middle(each, "job", _per_second) for each in jobs]
    bars: Bars = [(name, BARE, ceilings), ("the job", JOB, heights)]
    _side_by_side(axes, [each.name for each in jobs], bars)
    axes.set_ylabel("answers a second")
    for place, (job, height) in enumerate(zip(jobs, heights, strict=True)):
        text = f"{spread(job, ratio).median:.2f}"
        axes.annotate(text, (place + 0.2, height), ha="center", va="bottom")


def _latency(results: Results, axes: Axes) -> None:
    names = [each.name for each in results.jobs]
    bars: Bars = [
        ("p50", JOB, [middle(each, "job", lambda turn: turn.p50) for each in results.jobs]),
        ("p99", THIRD, [middle(each, "job", lambda turn: turn.p99) for each in results.jobs]),
    ]
    _side_by_side(axes, names, bars)
    # A hash takes a hundred times as long as a look-up.
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.1)
    axes.set_ylabel("ms")


def _cpu(results: Results, axes: Axes) -> None:
    # A hash takes a hundred times as much.
    quick = [each for each in results.jobs if not _hashes(each)]
    names = [each.name for each in quick]
    bars: Bars = [
        ("bare", BARE, [middle(each, "bare", _of_worker) for each in quick]),
        ("worker", JOB, [middle(each, "job", _of_worker) for each in quick]),
        (
            "PostgreSQL",
            THIRD,
            [middle(each, "job", lambda turn: turn.postgres_cpu) for each in quick],
        ),
        ("Valkey", VALKEY, [middle(each, "job", lambda turn: turn.valkey_cpu) for each in quick]),
    ]
    _side_by_side(axes, names, bars)
    axes.set_ylabel("µs a request")


def _memory(results: Results, axes: Axes) -> None:
    for (answered, samples), colour in zip(results.memory.items(), (JOB, THIRD), strict=True):
        requests = [sample["requests"] for sample in samples]
        axes.plot(
            requests,
            [sample["rss"] for sample in samples],
            color=colour,
            marker="o",
            label=answered,
        )
    axes.axhline(LARGEST_MIB, color=BARE, linestyle="--", label="the goal")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("requests")
    axes.set_ylabel("MiB resident")


def _side_by_side(axes: Axes, names: list[str], bars: Bars) -> None:
    width = 0.8 / len(bars)
    for number, (label, colour, heights) in enumerate(bars):
        places = [place + (number - (len(bars) - 1) / 2) * width for place in range(len(names))]
        axes.bar(places, heights, width, label=label, color=colour)
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n", 1) for name in names])
    axes.grid(visible=False, axis="x")


def _hashes(job: Measurement) -> bool:
    return "argon2id" in job.rounds[0].parts


def _per_second(turn: Turn) -> float:
    return turn.per_second


def _of_worker(turn: Turn) -> float:
    return turn.service_cpu


DRAWN = {
    "throughput": _throughput,
    "hashing": _hashing,
    "latency": _latency,
    "cpu": _cpu,
    "memory": _memory,
}
