"""Clients that keep a service busy, and the ledger of what it has acknowledged to them."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event
from time import monotonic
from typing import Any

import httpx

from tests.deployed.service import connections_to
from tests.people import PASSWORD, bearer

CLIENTS = 6
NO_ANSWER = 0
LOST = frozenset({NO_ANSWER, 500, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """What came of a request: when it was sent, how long it took, its status."""

    what: str
    began: float
    seconds: float
    status: int

    @property
    def is_lost(self) -> bool:
        return self.status in LOST


@dataclass
class Owner:
    """Somebody with a code, which is whatever was acknowledged last; unknown after an error."""

    email: str
    id: int
    token: str
    code: str | None = None
    is_certain: bool = True


@dataclass
class Ledger:
    """What the service said, and so must keep."""

    answers: list[Answer] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)
    referrers: dict[str, str] = field(default_factory=dict)
    codes: list[tuple[str, int]] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    wrong_look_ups: list[str] = field(default_factory=list)

    def lost(self, since: float, until: float) -> list[Answer]:
        """The requests that got no answer of the service's, of those sent in between."""
        return [each for each in self.answers if each.is_lost and since <= each.began < until]

    def asked(self, since: float, until: float) -> int:
        """How many requests were sent in between."""
        return len([each for each in self.answers if since <= each.began < until])

    def slowest(self, since: float, until: float) -> float:
        """How long an answer took at most, in seconds."""
        return max(each.seconds for each in self.answers if since <= each.began < until)


class Client:
    """One of them: an owner who changes their code, and people who join owners."""

    def __init__(self, url: str, ledger: Ledger, name: str) -> None:
        self._http = connections_to(url)
        self._ledger = ledger
        self._names = (f"{name}-{number}@example.com" for number in count())
        answer = self._register()
        assert answer, "nobody can register before anything is lost"
        user = answer["user"]
        self._owner = Owner(user["email"], user["id"], answer["access_token"])
        self._publish()
        ledger.owners.append(self._owner)

    def work(self, over: Event) -> None:
        """Do one thing after the other until it is over."""
        steps = (self._register_with_code, self._join_later, self._publish, self._withdraw)
        with closing(self._http):
            while not over.is_set():
                random.choice(steps)()
                self._look_up()

    def _register_with_code(self) -> None:
        referrer = random.choice(self._ledger.owners)
        if referrer.code:
            self._register(referrer, referral_code=referrer.code)

    def _join_later(self) -> None:
        referrer = random.choice(self._ledger.owners)
        newcomer = self._register()
        if newcomer and referrer.code:
            answer = self._send(
                "POST", "/referral/activate", newcomer["access_token"], {"code": referrer.code}
            )
            if answer:
                self._ledger.referrers[newcomer["user"]["email"]] = referrer.email

    def _register(self, referrer: Owner | None = None, **terms: str) -> Any:
        email = next(self._names)
        body = {"email": email, "password": PASSWORD} | terms
        answer = self._send("POST", "/auth/register", json=body)
        if answer:
            self._ledger.people[email] = answer["user"]["id"]
            if referrer:
                self._ledger.referrers[email] = referrer.email
        return answer

    def _publish(self) -> None:
        owner, terms = self._owner, {"lifetime_minutes": 60}
        answer = self._send("POST", "/referral/code", owner.token, terms)
        owner.is_certain = answer is not None
        if answer:
            owner.code = answer["code"]
            self._ledger.codes.append((answer["code"], owner.id))

    def _withdraw(self) -> None:
        owner = self._owner
        if owner.code and owner.is_certain:
            owner.is_certain = self._send("DELETE", "/referral/code", owner.token) is not None
            owner.code = None if owner.is_certain else owner.code

    def _look_up(self) -> None:
        owner = self._owner
        answer = self._send("POST", "/referral/code/by-email", json={"email": owner.email})
        if answer is not None and owner.is_certain and answer.get("code") != owner.code:
            self._ledger.wrong_look_ups.append(f"{answer.get('code')} is not {owner.code}")

    def _send(self, method: str, path: str, token: str = "", json: Any = None) -> Any:
        """What was answered: {} for an answer without a body or a refusal, None for none."""
        began = monotonic()
        try:
            headers = bearer(token) if token else {}
            response = self._http.request(method, path, json=json, headers=headers)
            status = response.status_code
        except httpx.TransportError:
            status = NO_ANSWER
        answer = Answer(f"{method} {path}", began, monotonic() - began, status)
        self._ledger.answers.append(answer)
        if answer.is_lost:
            return None
        return response.json() if response.is_success and response.content else {}


@contextmanager
def load(url: str) -> Iterator[Ledger]:
    """Clients at work as long as the block runs."""
    ledger, over = Ledger(), Event()
    clients = [Client(url, ledger, f"client-{number}") for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        working = [threads.submit(client.work, over) for client in clients]
        try:
            yield ledger
        finally:
            over.set()
    for each in working:
        each.result()
