"""A fault: how it strikes, and what may happen because of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.clients import CLIENTS, EVERYTHING, Act
from tests.chaos.journal import Entry
from tests.chaos.mails import Sent
from tests.chaos.story import Allowed
from tests.chaos.world import World


@dataclass
class Round:
    """What happened in one round.

    :ivar name: with what the addresses of its people begin.
    :ivar began: the moment the fault struck.
    :ivar ended: the moment it was over, and only its consequences were left.
    :ivar entries: what was asked, once the round is over.
    """

    world: World
    name: str
    began: float
    ended: float
    entries: Sequence[Entry]
    sent: Sent

    @property
    def during(self) -> list[Entry]:
        """What was asked while the fault lasted."""
        return [entry for entry in self.entries if self.began <= entry.asked <= self.ended]

    @property
    def recovery(self) -> float:
        """For how many seconds after the end requests went unserved."""
        unserved = [entry.answered for entry in self.entries if entry.is_unserved]
        return max(0, max(unserved, default=0) - self.ended)


class Fault(ABC):
    """One row of the table. Every round strikes once.

    :cvar name: what happens.
    :cvar how: by what means.
    :cvar acts: what the clients do meanwhile.
    :cvar clients: how many of them.
    :cvar before: how much they have done when it strikes.
    :cvar after: how much they do once it is over.
    :cvar is_felt: whether it keeps some requests from being served, or must not keep any.
    :cvar recovers_within: how many seconds after the end everything is served again.
    :cvar may_lose: for how many seconds from its beginning requests may go without any answer.
    :cvar allowed: what else may happen because of it.
    """

    name: str
    how: str
    acts: Sequence[Act] = EVERYTHING
    clients = CLIENTS
    before = 100
    after = 50
    is_felt = True
    recovers_within = 10.0
    may_lose = 0.0
    allowed = Allowed()

    def lacks(self) -> str:
        """What it needs that this machine does not have; nothing, if it can be tried."""
        return ""

    def world(self, folder: Path) -> AbstractContextManager[World]:
        """The service that it strikes."""
        return World(folder)

    @abstractmethod
    def strike(self, world: World) -> None:
        """Return when the fault is over."""

    def may_double(self, round_: Round) -> set[str]:
        """The mails, by their Message-IDs, of which a second copy may come."""
        return set()

    def check(self, round_: Round) -> Iterator[str]:
        """What else is wrong, beside what holds for every fault."""
        yield from ()

    def remark(self, rounds: Sequence[Round]) -> str:
        """What else was measured, over all rounds."""
        return ""
