"""What the machine may choose from at a moment."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, NamedTuple

from hypothesis.strategies import (
    SearchStrategy,
    booleans,
    builds,
    one_of,
    runner,
    sampled_from,
)

from tests.model.state import Account, Code, Session, State, Used, now

PASSWORDS = ("correct horse battery", "staple battery 9", "пароль из слов")
WORDINGS = ("TEAM", "RUST-26", "K7MPX4QT")
# Whatever nobody's code can be, its form included.
NONSENSE = ("NOBODYS", "", "K7MP X4QT", "TEAM\n", "\u212aELVIN", "A" * 33)
# What an id may be that nobody has.
UNKNOWN_IDS = (2**31, 2**63 - 1, 2**63, 10**30)
# Each address in its one form, and as else it may be written.
ADDRESSES = {
    "ada@example.com": ("ada@example.com", "ADA@example.com", "Ada@Example.COM"),
    "grace@bücher.de": ("grace@bücher.de", "Grace@BÜCHER.de", "grace@xn--bcher-kva.de"),
    "josé@example.org": ("josé@example.org", "jose\u0301@example.org", "JOSÉ@EXAMPLE.ORG"),
    "linus+list@example.com": ("linus+list@example.com", "Linus+List@example.com"),
    "o'hara@example.com": ("o'hara@example.com", "O'Hara@example.com"),
    "margaret@example.com": ("margaret@example.com", "MARGARET@example.com"),
}
# Minutes. However they add up, no end comes within minutes after a leap: no step is a race.
LIFETIMES = (60, 24 * 60, 100 * 24 * 60)
LEAPS = (60, 24 * 60)
ABSENCES = (20 * 24 * 60, 25 * 24 * 60)
OFFSETS = (UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=11)))

Spelling = Callable[[str], str]


class Address(NamedTuple):
    """An address as it is written, and which one that is."""

    written: str
    meant: str


class Life(NamedTuple):
    """How long a code is to work, in either form."""

    minutes: int
    offset: timezone | None

    def terms(self) -> dict[str, Any]:
        if self.offset is None:
            return {"lifetime_minutes": self.minutes}
        return {"expires_at": self.end(now()).astimezone(self.offset).isoformat()}

    def end(self, beginning: datetime) -> datetime:
        return beginning + timedelta(minutes=self.minutes)


def of_state(choose: Callable[[Any], Sequence[Any]]) -> SearchStrategy[Any]:
    """One of what this finds in the state at that moment, which must not be nothing."""
    return runner().flatmap(lambda machine: sampled_from(choose(machine.state)))


# Ways for a code to be there; each is tried as often as the others, however rare it is.
KINDS: tuple[Callable[[Code], bool], ...] = (
    lambda code: not code.is_activated and not code.is_deleted and not code.has_expired,
    lambda code: code.is_active,
    lambda code: code.has_expired and not code.is_deleted,
    lambda code: code.is_deleted,
)


def _of_kind(kind: Callable[[Code], bool], state: State) -> list[Code]:
    """The codes of this kind; all if there are none."""
    return [code for code in state.codes if kind(code)] or state.codes


def _own_of_kind(kind: Callable[[Code], bool], state: State) -> list[tuple[Session, Code]]:
    """Sessions and such codes of the same person; all pairs if there are none."""
    pairs = [(session, code) for session in state.live for code in state.codes]
    return [
        (session, code) for session, code in pairs if kind(code) and code.owner is session.account
    ] or pairs


def _who_may_join(state: State) -> list[tuple[Session, Code]]:
    """Sessions and codes of which at most the code is at fault; all pairs if there are none."""
    pairs = [(session, code) for session in state.live for code in state.codes]
    return [
        (session, code)
        for session, code in pairs
        if session.account.joining is None and code.owner.id < session.account.id
    ] or pairs


def _who_will_join(state: State) -> list[tuple[Session, Code]]:
    """Sessions and codes of which nothing is at fault; all that come near if there are none."""
    pairs = _who_may_join(state)
    return [(session, code) for session, code in pairs if code.is_active] or pairs


def spelled(emails: Iterable[str]) -> list[Address]:
    """All forms of these addresses."""
    return [Address(form, email) for email in emails for form in ADDRESSES[email]]


addresses = sampled_from(spelled(ADDRESSES))
passwords = sampled_from(PASSWORDS)
nonsense = sampled_from(NONSENSE)
unknown_ids = sampled_from(UNKNOWN_IDS)
leaps = sampled_from(LEAPS)
absences = sampled_from(ABSENCES)
lives: SearchStrategy[Life] = builds(
    Life, sampled_from(LIFETIMES), one_of(sampled_from([None]), sampled_from(OFFSETS))
)
spellings: SearchStrategy[Spelling] = sampled_from([str.upper, str.lower, str.title])
impossible_lives: SearchStrategy[dict[str, Any]] = sampled_from(
    [
        {"lifetime_minutes": 0},
        {"lifetime_minutes": 11 * 366 * 24 * 60},
        {"expires_at": "2020-01-31T12:00:00Z"},
        {"expires_at": "9999-12-31"},
        {"expires_at": "2030-01-31T12:00:00"},
        {"expires_at": "9999-12-31", "lifetime_minutes": 60},
        {},
    ]
)
limits = sampled_from([1, 2, 100])
either = booleans()

known_addresses: SearchStrategy[Address] = of_state(lambda state: spelled(state.accounts))
accounts: SearchStrategy[Account] = of_state(lambda state: list(state.accounts.values()))
sessions: SearchStrategy[Session] = of_state(lambda state: state.live)
used_tokens: SearchStrategy[tuple[Session, Used]] = of_state(
    lambda state: [(session, used) for session in state.live for used in session.used]
)
readers: SearchStrategy[Session] = one_of(
    sessions,
    of_state(lambda state: [each for each in state.live if each.account.is_admin] or state.live),
)
ended_sessions: SearchStrategy[Session] = of_state(lambda state: state.ended)
codes: SearchStrategy[Code] = one_of(
    *(of_state(partial(_of_kind, kind)) for kind in KINDS),
)
own_codes: SearchStrategy[tuple[Session, Code]] = one_of(
    *(of_state(partial(_own_of_kind, kind)) for kind in KINDS),
)
sessions_and_codes: SearchStrategy[tuple[Session, Code]] = of_state(
    lambda state: [(session, code) for session in state.live for code in state.codes]
)
own_and_others = one_of(own_codes, sessions_and_codes)
joins = one_of(of_state(_who_will_join), of_state(_who_may_join), sessions_and_codes)
wordings = one_of(sampled_from(WORDINGS), codes.map(lambda code: code.wording))
