"""The newest migration goes down and up while people write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dev.waiting import wait_until
from tests.chaos.clients import WRITES
from tests.chaos.fault import Fault, Round
from tests.chaos.world import World

PEOPLE = 100_000
LONGEST_SECONDS = 2


class Migration(Fault):
    """Only writes: the release before reads nothing of what the migration adds."""

    name = "a migration under load"
    how = f"the newest goes down and up again among {PEOPLE:,} people"
    acts = WRITES
    is_felt = False
    recovers_within = 0

    @contextmanager
    def world(self, folder: Path) -> Iterator[World]:
        with World(folder) as world:
            if not world.flask("demo", f"--users={PEOPLE}", f"--referrals={PEOPLE // 2}"):
                raise ChildProcessError("flask demo failed")
            yield world

    def strike(self, world: World) -> None:
        # One that does not get its locks within a second gives way, and is to be run again.
        for command in ("downgrade", "upgrade"):
            wait_until(partial(world.flask, "db", command), command)

    def check(self, round_: Round) -> Iterator[str]:
        for entry in round_.during:
            if entry.took > LONGEST_SECONDS:
                yield f"was blocked for {entry.took:.1f} s: {entry}"

    def remark(self, rounds: Sequence[Round]) -> str:
        longest = max(entry.took for each in rounds for entry in each.during)
        return f"the longest write {longest:.2f} s"
