"""One round: clients are at work, a fault strikes, and what is left is held against the journal."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dev.waiting import wait_until
from tests.chaos import always, check, probes
from tests.chaos.clients import Crowd
from tests.chaos.fault import Fault, Round
from tests.chaos.journal import Journal
from tests.chaos.mails import Sent
from tests.chaos.story import stories
from tests.chaos.world import World
from tests.deployed.mailing import PULL_FORWARD

STAGES = ("working", "striking", "recovering", "repeating", "waiting for mails", "checking")
# So long a fault may keep everybody from getting to work, or the last mails from going out.
LONGEST_SECONDS = 90

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """A round and all that is wrong about it."""

    round: Round
    faults: list[str]


def play(fault: Fault, world: World, name: str, folder: Path, tell: Tell) -> Outcome:
    """Let a fault strike once.

    :param name: what no other round of this world is called.
    :param tell: is told each of STAGES as it begins.
    """
    late: list[str] = []
    before = len(world.mails.mails)
    with (
        closing(Journal(folder / f"{name}.journal")) as journal,
        closing(Crowd(world.url, journal, name)) as crowd,
    ):
        tell("working")
        with crowd.at_work(fault.acts, fault.clients):
            _wait_for_work(journal, fault.before)
            tell("striking")
            began = monotonic()
            fault.strike(world)
            ended = monotonic()
            tell("recovering")
            late += _recovered(journal, fault)
            _wait_for_work(journal, fault.after)
        tell("repeating")
        wait_until(world.is_ready, "answer from /readyz", LONGEST_SECONDS)
        crowd.repeat()
        tell("waiting for mails")
        late += _mails_gone(world)
        tell("checking")
        entries = journal.read()
        sent = Sent(world.mails.mails[before:], name)
        round_ = Round(world, name, began, ended, entries, sent)
        return Outcome(round_, late + list(_faults(fault, round_, crowd)))


def _wait_for_work(journal: Journal, much: int) -> None:
    enough = journal.acknowledged + much
    wait_until(lambda: journal.acknowledged >= enough, "work", LONGEST_SECONDS)


def _recovered(journal: Journal, fault: Fault) -> Iterator[str]:
    journal.streak = 0
    try:
        wait_until(lambda: journal.streak > 3 * fault.clients, "", fault.recovers_within + 5)
    except TimeoutError:
        yield f"not everything is served {fault.recovers_within:g} s after the end"


def _mails_gone(world: World) -> Iterator[str]:
    def are_gone() -> bool:
        # What time would do.
        world.sql(PULL_FORWARD)
        return world.sql("SELECT id FROM outbox") == []

    try:
        wait_until(are_gone, "", LONGEST_SECONDS)
    except TimeoutError:
        yield f"mails are owed {LONGEST_SECONDS} s after everything else"


def _faults(fault: Fault, round_: Round, crowd: Crowd) -> Iterator[str]:
    sql = round_.world.sql
    told = stories(round_.entries, fault.allowed)
    rows = check.Rows(sql, round_.name)
    yield from (wrong for story in told for wrong in story.faults)
    yield from check.answers(round_.entries, round_.began, round_.ended + fault.recovers_within)
    yield from check.losses(round_.entries, round_.began, round_.began + fault.may_lose)
    yield from rows.faults(told)
    yield from round_.sent.faults(rows, told)
    for message_id in round_.sent.doubles - fault.may_double(round_):
        yield f"{message_id} came twice"
    yield from always.offences(sql)
    yield from always.gaps(round_.world.database)
    yield from probes.faults(told, crowd.http)
    yield from _felt(fault, round_)
    yield from fault.check(round_)


def _felt(fault: Fault, round_: Round) -> Iterator[str]:
    unserved = [entry for entry in round_.entries if entry.is_unserved]
    if fault.is_felt and not unserved:
        yield "nobody has felt it"
    if not fault.is_felt:
        yield from (f"was not served: {entry}" for entry in unserved)
