"""`make bench`: what is made of the figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import plots, report
from bench import results as kept
from bench.goals import Goal, goals
from bench.load import BenchError, understood
from bench.truth import Truth
from tests.bench.figures import beside_bare, busy, paged, results, samples, sized, turn

SAID = {"requests": 8000, "seconds": 2.0, "p50": 1.5, "p99": 9.0, "errors": 0, "exhausted": False}


def test_the_generator_tells_it_in_its_last_line() -> None:
    answers = understood("Running 2s test\n  Latency  1.5ms\n" + json.dumps(SAID) + "\n")
    assert (answers.per_second, answers.p50, answers.p99) == (4000, 1.5, 9.0)


@pytest.mark.parametrize(
    "output",
    [
        "",
        "unable to connect to 127.0.0.1:1",
        json.dumps(SAID | {"errors": 3}),
        json.dumps(SAID | {"requests": 0}),
        json.dumps({"requests": 8000}),
    ],
)
def test_a_load_that_met_an_error_is_worth_nothing(output: str) -> None:
    with pytest.raises(BenchError):
        understood(output)


def test_every_goal_can_be_met() -> None:
    assert [goal.job for goal in goals(results()) if not goal.met] == []


@pytest.mark.parametrize(
    ("missed", "worse"),
    [
        ("cached look-up", {"jobs": [beside_bare("cached look-up", [(540, 1000)])]}),
        ("me", {"jobs": [beside_bare("me", [(340, 1000)])]}),
        ("log-in", {"jobs": [beside_bare("log-in", [(35, 4000)], argon2id=0.025)]}),
        ("page 10,000 of 200,000 referrals", {"pages": paged(turn(500), turn(400))}),
        (
            "look-ups while every other worker is busy with log-ins, p99",
            {"busy": [busy("look-ups beside log-ins", turn(p99=2), turn(p99=6.1))]},
        ),
        ("me at 1,000,000 users, p50", {"sizes": [sized("me", turn(p50=4), turn(p50=5.3))]}),
        (
            "memory of one worker after 30,000 reads",
            {"memory": {"reads": samples(80, 121, 90, 90)}},
        ),
        (
            "memory of one worker after 30,000 reads, flat",
            {"memory": {"reads": samples(80, 90, 91, 99)}},
        ),
        ("280 look-ups right after a change", {"truth": Truth(70, 280, 1)}),
    ],
)
def test_a_goal_is_missed_by_a_little_too(missed: str, worse: dict[str, Any]) -> None:
    assert [goal.job for goal in goals(results(**worse)) if not goal.met] == [missed]


def test_a_ratio_is_of_one_round_and_the_figure_its_median() -> None:
    rounds = [(900.0, 1000.0), (600.0, 2000.0), (2400.0, 3000.0)]
    figure = only_goal([beside_bare("cached look-up", rounds)]).figure
    assert (figure.median, figure.least, figure.greatest) == (0.8, 0.3, 0.9)


def test_log_ins_are_held_against_argon2id_alone() -> None:
    log_in = beside_bare("log-in", [(36, 4000)], argon2id=0.025, statements=0.5)
    assert only_goal([log_in]).figure.median == pytest.approx(0.9)


def only_goal(jobs: list[Any]) -> Goal:
    return goals(results(jobs=jobs))[0]


def test_the_report_says_which_goals_were_met() -> None:
    missed = [beside_bare("cached look-up", [(500, 1000), (540, 1000), (900, 1000)])]
    lines = report.report(results(jobs=missed)).splitlines()
    row = "| cached look-up | 0.540 (0.500 to 0.900) | of bare | at least 0.55, 0.65 hoped for |"
    assert f"{row} **not met** |" in lines
    assert (
        "| me at 1,000,000 users, p50 | 1.25 (1.25 to 1.25) | times that at 1,000 | at most 1.3 "
        "| met |" in lines
    )


def test_the_report_has_every_round() -> None:
    rounds = [(501.0, 1001.0), (502.0, 1002.0), (503.0, 1003.0)]
    page = report.report(results(jobs=[beside_bare("me", rounds, statements=0.0025)]))
    for job, bare in rounds:
        assert f"| {job:,.0f} |" in page
        assert f"| {bare:,.0f} |" in page
    assert "Statements alone, ms: 2.500, 2.500, 2.500" in page


def test_the_report_tells_on_what_and_how_it_was_measured() -> None:
    page = report.report(results())
    assert "| CPU | an abacus |" in page
    assert "| Python | 3.14.0 |" in page
    assert "`USERS=1000000 ROUNDS=3 SECONDS=3 make bench`" in page
    assert "280 in all, of which **0** gave an old answer" in page
    assert Path(report.TRIED).read_text().strip() in page


def test_every_figure_is_kept(tmp_path: Path) -> None:
    kept.write(results(), tmp_path / "rounds.json")
    figures = json.loads((tmp_path / "rounds.json").read_text())
    assert figures["jobs"][0]["rounds"][2]["turns"]["bare"]["per_second"] == 1000
    assert figures["memory"]["reads"][3]["rss"] == 91


def test_the_same_figures_give_the_same_plots(tmp_path: Path) -> None:
    for name in ("one", "two"):
        plots.draw(results(), tmp_path / name)
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert drawn.keys() == {f"{name}.svg" for name in plots.PLOTS}
    assert all(f"plots/{name}" in report.report(results()) for name in drawn)
