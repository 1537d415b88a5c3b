"""`make chaos`: break things, and see whether the service keeps what it promises."""

import signal
from collections.abc import Sequence

import click

from dev.environment import forget_postgres_client
from tests.chaos import lives
from tests.chaos.fault import Fault
from tests.chaos.faults import FAULTS
from tests.chaos.lives import live
from tests.chaos.table import table
from tests.chaos.trial import EVIDENCE, Trial

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
    trials = [try_(fault, rounds) for fault in FAULTS if is_chosen(fault.name, words)]
    broken = live(rounds) if is_chosen(lives.NAME, words) else []
    tell(broken)
    click.echo(table(trials))
    if broken or any(trial.wrong for trial in trials):
        raise click.ClickException(f"Not all was as promised; what happened is in {EVIDENCE}")


def is_chosen(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def try_(fault: Fault, rounds: int) -> Trial:
    trial = Trial(fault, rounds)
    tell(trial.wrong)
    return trial


def tell(wrong: Sequence[str]) -> None:
    for each in wrong[:SHOWN]:
        click.echo(f"  {each}", err=True)


if __name__ == "__main__":
    main()
