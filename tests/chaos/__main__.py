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

NAMES = [*(fault.name for fault in FAULTS), lives.NAME]
SHOWN = 20


def is_chosen(name: str, words: Sequence[str]) -> bool:
    return not words or any(word.lower() in name.lower() for word in words)


def known(_: click.Context, __: click.Parameter, words: Sequence[str]) -> Sequence[str]:
    for word in words:
        if not any(is_chosen(name, [word]) for name in NAMES):
            raise click.BadParameter(f"{word} is in none of the names: {'; '.join(NAMES)}.")
    return words


@click.command(epilog=f"The faults: {'; '.join(NAMES)}.")
@click.argument("words", nargs=-1, callback=known)
@click.option("--rounds", envvar="ROUNDS", default=1, show_default=True, help="Of each fault.")
def main(words: Sequence[str], rounds: int) -> None:
    """Let faults strike the service and hold what is left against what clients were told.

    WORDS choose faults by what is in their names; by default it is all of them.
    """
    # SIGTERM, too, ends it in a way that stops the servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    forget_postgres_client()
    trials = [try_(fault, rounds) for fault in FAULTS if is_chosen(fault.name, words)]
    broken = live(rounds) if is_chosen(lives.NAME, words) else []
    tell(broken)
    if trials:
        click.echo(table(trials))
    if broken or any(trial.wrong for trial in trials):
        raise click.ClickException(f"Not all was as promised; what happened is in {EVIDENCE}")
    click.echo("All that was tried was as promised.", err=True)


def try_(fault: Fault, rounds: int) -> Trial:
    trial = Trial(fault, rounds)
    tell(trial.wrong)
    return trial


def tell(wrong: Sequence[str]) -> None:
    for each in wrong[:SHOWN]:
        click.echo(f"  {each}", err=True)


if __name__ == "__main__":
    main()
