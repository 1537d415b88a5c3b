"""A fault, tried for some rounds, with a progress bar."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from dev.data import CHECKOUT
from dev.running import temporary_folder
from tests.chaos.fault import Fault, Round
from tests.chaos.rounds import STAGES, Outcome, Tell, play

EVIDENCE = CHECKOUT / ".chaos"
WIDTH = 30


class Trial:
    """What came of a fault.

    :ivar lacks: what this machine would need for it; nothing, if it was tried.
    :ivar wrong: whatever was not as promised, each with the round it happened in.
    """

    def __init__(self, fault: Fault, rounds: int) -> None:
        self.fault = fault
        self.lacks = fault.lacks()
        self.wrong: list[str] = []
        self._outcomes: list[Outcome] = []
        if not self.lacks:
            self._run(rounds)

    @property
    def rounds(self) -> list[Round]:
        return [outcome.round for outcome in self._outcomes]

    def _run(self, rounds: int) -> None:
        with temporary_folder() as folder, self._progress(rounds) as bar:

            def tell(stage: str) -> None:
                bar.update(1, stage)

            tell("starting")
            try:
                for outcome in self._play(rounds, folder, tell):
                    self._outcomes.append(outcome)
                    self.wrong += [f"{outcome.round.name}: {each}" for each in outcome.faults]
            except OSError as error:
                self.wrong.append(f"It breaks off: {error}")
            tell("")
            if self.wrong:
                self._keep(folder)

    def _play(self, rounds: int, folder: Path, tell: Tell) -> Iterator[Outcome]:
        with self.fault.world(folder) as world:
            for number in range(1, rounds + 1):
                yield play(self.fault, world, f"r{number}", folder, tell)

    def _progress(self, rounds: int) -> "click._termui_impl.ProgressBar[int]":
        return click.progressbar(
            length=2 + rounds * len(STAGES),
            label=self.fault.name.ljust(WIDTH),
            item_show_func=lambda stage: stage,
        )

    def _keep(self, folder: Path) -> None:
        """Have the journals and logs stay for whoever wants to know what happened."""
        kept = EVIDENCE / self.fault.name.replace(" ", "-")
        shutil.rmtree(kept, ignore_errors=True)
        servers = shutil.ignore_patterns("postgres", "valkey", "metrics")
        shutil.copytree(folder, kept, ignore=servers)
