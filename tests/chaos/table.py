"""What came of the rounds, as rows of a table in Markdown."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from tests.chaos.fault import Fault
from tests.chaos.journal import Fate
from tests.chaos.rounds import Outcome

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


def head() -> str:
    return f"{row(HEAD)}\n{row(['---'] * len(HEAD))}"


def row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def measured(fault: Fault, outcomes: Sequence[Outcome]) -> str:
    """What was measured in the rounds of a fault."""
    rounds = [outcome.round for outcome in outcomes]
    fates = Counter(entry.fate for each in rounds for entry in each.entries)
    recoveries = [each.recovery for each in rounds]
    return row(
        [
            fault.name,
            fault.how,
            len(rounds),
            *(f"{fates[fate]:,}" for fate in Fate),
            sum(len(outcome.faults) for outcome in outcomes),
            sum(len(each.sent.doubles) for each in rounds),
            f"{median(recoveries):.1f} s, {max(recoveries):.1f} s",
            fault.remark(rounds),
        ]
    )
