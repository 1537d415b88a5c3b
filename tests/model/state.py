"""What the service ought to know: the model, by the words of the contract alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis.vendor.pretty import RepresentationPrinter

SESSION = timedelta(days=30)


def now() -> datetime:
    return datetime.now(UTC)


class Named:
    """Shown in a failing life by what it is called; of a dataclass Hypothesis shows everything."""

    def _repr_pretty_(self, printer: RepresentationPrinter, _is_cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(eq=False, repr=False)
class Code(Named):
    """A wording, and its owner for ever."""

    id: int
    wording: str
    owner: "Account"
    expires_at: datetime
    created_at: datetime
    is_activated: bool = True
    is_deleted: bool = False

    def __repr__(self) -> str:
        return f"<code {self.id}, {self.wording}, of {self.owner.email}>"

    @property
    def is_active(self) -> bool:
        return self.is_activated and not self.has_expired

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= now()


@dataclass(eq=False)
class Joining:
    """How somebody came to have a referrer: with this code, between these two moments."""

    code: Code
    way: str
    earliest: datetime
    latest: datetime

    @property
    def referrer(self) -> "Account":
        return self.code.owner


@dataclass(eq=False, repr=False)
class Account(Named):
    """A person, and in their order the codes they published and the people they brought."""

    id: int
    email: str
    password: str
    created_at: datetime
    is_admin: bool = False
    joining: Joining | None = None
    codes: list[Code] = field(default_factory=list)
    brought: list["Account"] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.email}>"

    @property
    def kept_codes(self) -> list[Code]:
        return [code for code in self.codes if not code.is_deleted]

    @property
    def active_code(self) -> Code | None:
        return next((code for code in self.codes if code.is_active), None)

    def activate(self, code: Code, expires_at: datetime) -> None:
        """Let this code be the active one."""
        for each in self.codes:
            each.is_activated = each is code
        code.expires_at = expires_at


@dataclass(eq=False, repr=False)
class Used(Named):
    """A refresh token that was used."""

    token: str
    at: datetime

    def __repr__(self) -> str:
        return f"<token used at {self.at}>"


@dataclass(eq=False, repr=False)
class Session(Named):
    """A log-in: its tokens, and until when it goes on if nobody refreshes it."""

    account: Account
    access_tokens: list[str]
    refresh_token: str
    expires_at: datetime
    used: list[Used] = field(default_factory=list)
    has_ended: bool = False

    def __repr__(self) -> str:
        return f"<session of {self.account.email}>"

    @property
    def access_token(self) -> str:
        return self.access_tokens[-1]

    @property
    def goes_on(self) -> bool:
        return not self.has_ended and self.expires_at > now()

    @property
    def has_run_out(self) -> bool:
        """Nobody knows whether it has ended, and asks."""
        return not self.has_ended and not self.goes_on

    def renew(self, access_token: str, refresh_token: str) -> None:
        """Go on with other tokens; the access tokens so far work all the same."""
        self.used.append(Used(self.refresh_token, now()))
        self.access_tokens.append(access_token)
        self.refresh_token = refresh_token
        self.expires_at = now() + SESSION


@dataclass
class State:
    """Everybody, and their sessions."""

    accounts: dict[str, Account] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    # How many wrong passwords in a row were tried where.
    failures: dict[int | str, int] = field(default_factory=dict)

    @property
    def codes(self) -> list[Code]:
        return [code for account in self.accounts.values() for code in account.codes]

    @property
    def live(self) -> list[Session]:
        return [session for session in self.sessions if session.goes_on]

    @property
    def ended(self) -> list[Session]:
        return [session for session in self.sessions if session.has_ended]

    def owner_of(self, wording: str) -> Account | None:
        return next((each.owner for each in self.codes if each.wording == wording.upper()), None)

    def sessions_of(self, account: Account) -> list[Session]:
        return [session for session in self.sessions if session.account is account]

    def join(self, referee: Account, joining: Joining) -> None:
        referee.joining = joining
        joining.referrer.brought.insert(0, referee)

    def let_pass(self, time: timedelta) -> None:
        """Let everything that is known be so much longer ago."""
        for account in self.accounts.values():
            account.created_at -= time
        for code in self.codes:
            code.expires_at -= time
            code.created_at -= time
        for joining in self._joinings():
            joining.earliest -= time
            joining.latest -= time
        for session in self.sessions:
            session.expires_at -= time
            for used in session.used:
                used.at -= time

    def _joinings(self) -> Iterator[Joining]:
        return (each.joining for each in self.accounts.values() if each.joining)
