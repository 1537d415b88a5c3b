"""What was measured, as a table in Markdown."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from tests.chaos.journal import Fate
from tests.chaos.trial import Trial

HEAD = (
    "fault",
    "how",
    "rounds",
    "acknowledged",
    "refused",
    "unknown",
    "wrong",
    "doubles",
    "recovery: median, longest",
    "besides",
)


def table(trials: Sequence[Trial]) -> str:
    """A row for each fault."""
    return "\n".join([_row(HEAD), _row(["---"] * len(HEAD)), *map(_measured, trials)])


def _measured(trial: Trial) -> str:
    rounds = trial.rounds
    if not rounds:
        blank = [""] * (len(HEAD) - 4)
        return _row([trial.fault.name, trial.fault.how, 0, *blank, _why_not(trial)])
    fates = Counter(entry.fate for each in rounds for entry in each.entries)
    recoveries = [each.recovery for each in rounds]
    return _row(
        [
            trial.fault.name,
            trial.fault.how,
            len(rounds),
            *(f"{fates[fate]:,}" for fate in Fate),
            len(trial.wrong),
            f"{sum(len(each.sent.doubles) for each in rounds):,}",
            f"{median(recoveries):.1f} s, {max(recoveries):.1f} s",
            trial.fault.remark(rounds),
        ]
    )


def _why_not(trial: Trial) -> str:
    return f"not tried, for it needs {trial.lacks}" if trial.lacks else "broke off"


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
