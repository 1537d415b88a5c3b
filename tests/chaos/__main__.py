"""`make chaos`: break things, and see whether the service keeps what it promises."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from dev.data import CHECKOUT
from dev.environment import forget_postgres_client
from dev.running import temporary_folder
from tests.chaos import table
from tests.chaos.fault import Fault
from tests.chaos.faults import FAULTS
from tests.chaos.rounds import STAGES, Outcome, play

EVIDENCE = CHECKOUT / ".chaos"
SHOWN = 20


@click.command()
@click.argument("words", nargs=-1)
@click.option("--rounds", envvar="ROUNDS", default=1, show_default=True, help="Of each fault.")
def main(words: Sequence[str], rounds: int) -> None:
    """Let faults strike the service and hold what is left against what clients were told.

    WORDS choose faults by their names; by default it is all of them.
    """
    # SIGTERM, too, ends it in a way that stops the servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    forget_postgres_client()
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    if not chosen:
        raise click.UsageError("No fault is called so.")
    wrong, rows = 0, [table.head()]
    for fault in chosen:
        outcomes = try_(fault, rounds)
        wrong += sum(len(outcome.faults) for outcome in outcomes)
        rows.append(table.measured(fault, outcomes))
    click.echo("\n".join(rows))
    if wrong:
        raise click.ClickException(f"{wrong} promises were not kept; see {EVIDENCE}")


def try_(fault: Fault, rounds: int) -> list[Outcome]:
    """So many rounds of one fault."""
    outcomes = []
    length = 1 + rounds * len(STAGES)
    with (
        temporary_folder() as folder,
        click.progressbar(
            length=length, label=fault.name.ljust(34), item_show_func=lambda stage: stage
        ) as bar,
    ):
        bar.update(0, "starting")
        with fault.world(folder) as world:
            for number in range(1, rounds + 1):
                outcome = play(
                    fault, world, f"r{number}", folder, lambda stage: bar.update(1, stage)
                )
                outcomes.append(outcome)
        bar.update(1, "")
        if any(outcome.faults for outcome in outcomes):
            keep(folder, fault)
    for outcome in outcomes:
        for wrong in outcome.faults[:SHOWN]:
            click.echo(f"  {outcome.round.name}: {wrong}", err=True)
    return outcomes


def keep(folder: Path, fault: Fault) -> None:
    """Have the journals and logs stay for whoever wants to know what happened."""
    kept = EVIDENCE / fault.name.replace(" ", "-")
    shutil.rmtree(kept, ignore_errors=True)
    ignored = shutil.ignore_patterns("postgres", "valkey", "metrics")
    shutil.copytree(folder, kept, ignore=ignored)


if __name__ == "__main__":
    main()
