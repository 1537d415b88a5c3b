"""Somebody whose program journals all that it asks for them."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import httpx

from tests.chaos.journal import Entry, Fate, Journal
from tests.deployed.together import at_once
from tests.people import PASSWORD, bearer

DAY = {"lifetime_minutes": 24 * 60}
# What somebody who was not answered asks again. A mail comes once more each time it is asked for.
REPEATED = {"register", "publish", "withdraw", "activate", "join", "refresh", "log out"}

Ask = Callable[..., Entry]


class Person:
    """Somebody, and what they know of themselves.

    :ivar unanswered: asks again what was not answered; until then they do nothing else.
    """

    def __init__(self, email: str, http: httpx.Client, journal: Journal) -> None:
        self.email = email
        self.tokens: dict[str, str] = {}
        self.codes: list[tuple[int, str]] = []
        self.has_code = False
        self.is_referred = False
        self.unanswered: Callable[[], Entry] | None = None
        self._http = http
        self._journal = journal
        self._wordings = count(1)
        self._races = count(1)

    @property
    def can_ask(self) -> bool:
        return bool(self.tokens) and not self.unanswered

    def register(self, code: str | None = None) -> Entry:
        """Make the account, with a referral code if there is one."""
        body = {"email": self.email, "password": PASSWORD}
        with_code = {"referral_code": code} if code else {}
        entry = self._ask("register", "/auth/register", json=body | with_code, code=code)
        self.is_referred = bool(code)
        return self._signed_in(entry)

    def publish(self) -> Entry:
        """Publish a code in place of the one there is."""
        return self._published(self._once(self._asking_to_publish()))

    def publish_several(self, number: int) -> None:
        """Publish codes at one moment."""
        for entry in self._race([self._asking_to_publish() for _ in range(number)]):
            self._published(entry)

    def withdraw(self) -> None:
        """Deactivate the code there is."""
        entry = self._ask("withdraw", "/referral/code", method="DELETE")
        self.has_code = entry.fate is not Fate.ACKNOWLEDGED

    def activate(self, id_: int, wording: str) -> None:
        """Let an earlier code be the one."""
        self._ask("activate", f"/referral/codes/{id_}/activate", json=DAY, code=wording)
        self.has_code = True

    def join(self, codes: Sequence[str]) -> None:
        """Present one code, or several at one moment."""
        asks = [
            self._asking("join", "/referral/activate", json={"code": code}, code=code)
            for code in codes
        ]
        self._race(asks) if len(asks) > 1 else self._once(asks[0])
        self.is_referred = True

    def refresh(self, times: int = 1) -> None:
        """Take new tokens for old, or try to several times at one moment."""
        token = self.tokens["refresh_token"]
        asking = self._asking("refresh", "/auth/refresh", by=token, token=token)
        for entry in self._race([asking] * times) if times > 1 else [self._once(asking)]:
            self._signed_in(entry)

    def log_out(self) -> None:
        self._ask("log out", "/auth/logout", **self.tokens)
        self.tokens = {}

    def log_in(self) -> None:
        body = {"email": self.email, "password": PASSWORD}
        self._signed_in(self._ask("log in", "/auth/login", json=body))

    def look_at_oneself(self) -> None:
        self._ask("me", "/auth/me", method="GET")

    def be_looked_up(self) -> None:
        self._ask("look up", "/referral/code/by-email", json={"email": self.email})

    def forget_the_password(self) -> None:
        self._ask("reset", "/auth/reset_password", json={"email": self.email})

    def _asking_to_publish(self) -> Ask:
        wording = f"{self.email.partition('@')[0]}-{next(self._wordings)}".upper()
        return self._asking("publish", "/referral/code", json=DAY | {"code": wording}, code=wording)

    def _published(self, entry: Entry) -> Entry:
        if entry.fate is Fate.ACKNOWLEDGED:
            self.codes.append((entry.body["id"], entry.body["code"]))
            self.has_code = True
        return entry

    def _signed_in(self, entry: Entry) -> Entry:
        if entry.fate is Fate.ACKNOWLEDGED:
            names = ("access_token", "refresh_token")
            self.tokens = {name: entry.body[name] for name in names}
        return entry

    def _ask(self, operation: str, path: str, **how: Any) -> Entry:
        return self._once(self._asking(operation, path, **how))

    def _asking(
        self,
        operation: str,
        path: str,
        by: str | None = None,
        method: str = "POST",
        json: Any = None,
        **terms: Any,
    ) -> Ask:
        token = by or self.tokens.get("access_token")
        headers = bearer(token) if token else {}
        send = partial(self._http.request, method, path, headers=headers, json=json)
        return partial(self._journal.ask, operation, self.email, send, **terms)

    def _once(self, ask: Ask) -> Entry:
        return self._noted(ask, ask())

    def _race(self, asks: Sequence[Ask]) -> list[Entry]:
        race = next(self._races)
        entries = at_once([partial(ask, race=race) for ask in asks])
        for ask, entry in zip(asks, entries, strict=True):
            self._noted(ask, entry)
        return entries

    def _noted(self, ask: Ask, entry: Entry) -> Entry:
        if entry.fate is Fate.UNKNOWN and entry.operation in REPEATED:
            self.unanswered = ask
        if entry.status == 401 and not entry.race:
            # They have to log in again.
            self.tokens = {}
        return entry
