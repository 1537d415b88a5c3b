"""What may be true of a person, by what was asked for them and what was answered.

Each part of it is the set of what it may be: one thing, or several after a request that was not
answered, which may have been done or not.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import jwt

from tests.chaos.clients import WITHDRAWN
from tests.chaos.journal import Entry, Fate

Possible = frozenset[str | None]
NOTHING: Possible = frozenset([None])
YES, NO = frozenset([True]), frozenset([False])


class Told(NamedTuple):
    """A request, or those of a race, by what a client may believe of them."""

    acknowledged: list[Entry]
    refused: list[Entry]
    unknown: list[Entry]

    @property
    def codes(self) -> Possible:
        """The wordings of those that were done, or else of those that may have been."""
        return frozenset(each.terms["code"] for each in self.acknowledged or self.unknown)


class Allowed(NamedTuple):
    """What the fault lets happen that would be wrong without it."""

    tokens_expire: bool = False
    lookups_lag: bool = False


class Story:
    """One person's requests, told one after the other; those of a race together.

    :ivar account: whether there is one.
    :ivar id: its number, once that was told.
    :ivar active: the wording of the code that is activated.
    :ivar joined: the wording of the code by which they came, if there is an account.
    :ivar published: of each wording whether it is there.
    :ivar code_ids: the number of each code that was told.
    :ivar sessions: of each session that was opened whether it lives.
    :ivar tokens: the newest tokens of each session.
    :ivar spent: refresh tokens that were used up.
    :ivar resets: how many mails with a link for another password are owed, at least and at most.
    :ivar allowed: what would be wrong without the fault.
    :ivar faults: what the answers alone show to be wrong.
    """

    def __init__(self, email: str, allowed: Allowed) -> None:
        self.email = email
        self.account = NO
        self.id = 0
        self.active = NOTHING
        self.joined = NOTHING
        self.published: dict[str, frozenset[bool]] = {}
        self.code_ids: dict[str, int] = {}
        self.sessions: dict[str, frozenset[bool]] = {}
        self.tokens: dict[str, dict[str, str]] = {}
        self.spent: list[str] = []
        self.resets = (0, 0)
        self.faults: list[str] = []
        self.allowed = allowed
        self._session = ""

    def tell(self, entries: Iterable[Entry]) -> None:
        """Go on with one request, or with those of a race."""
        told = Told([], [], [])
        place = {Fate.ACKNOWLEDGED: 0, Fate.REFUSED: 1, Fate.UNKNOWN: 2}
        for entry in entries:
            # What nobody has heard changes nothing.
            if entry.fate is not Fate.REFUSED or entry.status:
                told[place[entry.fate]].append(entry)
        TOLD[entry.operation](self, told)

    def register(self, told: Told) -> None:
        for entry in told.acknowledged:
            self._expect(False in self.account and not is_withdrawn(entry), entry)
            self.account, self.id = YES, entry.body["user"]["id"]
            self._enter(entry)
        for entry in told.acknowledged + told.unknown:
            self.account |= YES
            self.joined = frozenset([entry.terms["code"]])
        for entry in told.refused:
            if entry.code == "email_taken":
                self._expect(True in self.account, entry)
                self.account = YES
            else:
                self._expect(is_withdrawn(entry), entry)

    def log_in(self, told: Told) -> None:
        for entry in told.acknowledged:
            self._expect(True in self.account, entry)
            self._enter(entry)
        self._expect_none(told.refused)

    def log_out(self, told: Told) -> None:
        self._expect_only_the_dead_among(told.refused)
        if told.acknowledged:
            self.sessions[self._session] = NO
        elif told.unknown:
            self.sessions[self._session] |= NO

    def refresh(self, told: Told) -> None:
        for entry in told.acknowledged:
            self._expect(entry.terms["token"] not in self.spent, entry)
            self.spent.append(entry.terms["token"])
            self._enter(entry)
        if told.unknown:
            # It may be used up, and whoever presents it again be taken for a thief.
            self.sessions[self._session] |= NO
        # One of those who race wins; the others find the token used.
        self._expect_only_the_dead_among(
            entry
            for entry in told.refused
            if not (told.acknowledged and entry.code == "token_reused")
        )

    def publish(self, told: Told) -> None:
        self._expect_only_the_dead_among(told.refused)
        for entry in told.acknowledged:
            self.published[entry.terms["code"]] = YES
            self.code_ids[entry.terms["code"]] = entry.body["id"]
        for entry in told.unknown:
            self._may_have_published(entry, YES)
        for entry in told.refused:
            self._may_have_published(entry, NO)
        self._change_code(told)

    def activate(self, told: Told) -> None:
        self._expect_only_the_dead_among(told.refused)
        self._change_code(told)

    def withdraw(self, told: Told) -> None:
        for entry in told.acknowledged:
            self._expect(self.active != NOTHING, entry)
            self.active = NOTHING
        for entry in told.refused:
            if entry.code == "no_active_code":
                self._expect(None in self.active, entry)
                self.active = NOTHING
            else:
                self._expect_only_the_dead_among([entry])
        if told.unknown:
            self.active |= NOTHING

    def join(self, told: Told) -> None:
        for entry in told.acknowledged:
            self._expect(None in self.joined, entry)
            self.joined = frozenset([entry.terms["code"]])
        if not told.acknowledged:
            self.joined |= told.codes
        for entry in told.refused:
            if entry.code == "already_referred":
                self._expect(self.joined != NOTHING, entry)
                self.joined -= NOTHING
            else:
                self._expect_only_the_dead_among([entry])

    def me(self, told: Told) -> None:
        self._expect_only_the_dead_among(told.refused)
        for entry in told.acknowledged:
            code, referrer = entry.body["referral_code"], entry.body["referrer"]
            self._expect((code and code["code"]) in self.active, entry)
            self._expect(bool(referrer) in map(bool, self.joined), entry)

    def look_up(self, told: Told) -> None:
        if not self.allowed.lookups_lag:
            for entry in told.acknowledged:
                self._expect(entry.body["code"] in self.active, entry)
            for entry in told.refused:
                self._expect(None in self.active, entry)

    def reset(self, told: Told) -> None:
        self._expect_none(told.refused)
        least, most = self.resets
        done = len(told.acknowledged)
        self.resets = least + done, most + done + len(told.unknown)

    def _enter(self, entry: Entry) -> None:
        claims = jwt.decode(entry.body["access_token"], options={"verify_signature": False})
        self._session = claims["sid"]
        self.sessions[self._session] = YES
        self.tokens[self._session] = entry.body

    def _change_code(self, told: Told) -> None:
        self.active = told.codes if told.acknowledged else self.active | told.codes

    def _may_have_published(self, entry: Entry, how: frozenset[bool]) -> None:
        wording = entry.terms["code"]
        self.published[wording] = self.published.get(wording, NO) | how

    def _expect_only_the_dead_among(self, refused: Iterable[Entry]) -> None:
        for entry in refused:
            is_dead = entry.status == 401 and False in self.sessions[self._session]
            self._expect(is_dead or self._is_expired(entry), entry)

    def _is_expired(self, entry: Entry) -> bool:
        return entry.status == 401 and self.allowed.tokens_expire

    def _expect_none(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._expect(self._is_expired(entry), entry)

    def _expect(self, holds: bool, *entries: Entry) -> None:
        if not holds:
            self.faults += [f"nobody would expect: {entry}" for entry in entries]


TOLD: dict[str, Callable[[Story, Told], None]] = {
    "register": Story.register,
    "log in": Story.log_in,
    "log out": Story.log_out,
    "refresh": Story.refresh,
    "publish": Story.publish,
    "activate": Story.activate,
    "withdraw": Story.withdraw,
    "join": Story.join,
    "me": Story.me,
    "look up": Story.look_up,
    "reset": Story.reset,
}


def is_withdrawn(entry: Entry) -> bool:
    """Whether the code that somebody came with could not be used."""
    return WITHDRAWN in (entry.terms["code"] or "").lower()


def stories(entries: Sequence[Entry], allowed: Allowed) -> list[Story]:
    """What may be true of everybody for whom something was asked."""
    told: dict[str, Story] = {}
    for (who, _), together in groupby(
        sorted(entries, key=lambda entry: (entry.who, entry.number)),
        key=lambda entry: (entry.who, entry.race or -entry.number),
    ):
        told.setdefault(who, Story(who, allowed)).tell(together)
    return list(told.values())
