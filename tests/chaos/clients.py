"""Clients that go on asking while faults strike, each for people of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from random import Random
from threading import Event

import httpx

from tests.chaos.journal import Fate, Journal
from tests.chaos.person import Person
from tests.deployed.service import connections_to
from tests.deployed.together import at_once

# Longer than any answer may take.
PATIENCE_SECONDS = 20
RACERS = 4
BACK_OFF_SECONDS = 0.1
CLIENTS = 8
# Who published a code that is withdrawn is known by it.
WITHDRAWN = "withdrawn"


class Client:
    """One program, which does one thing after the other.

    :param codes: those that people can join with.
    :param withdrawn: those that nobody can join with any more.
    """

    def __init__(
        self,
        name: str,
        http: httpx.Client,
        journal: Journal,
        codes: Sequence[str],
        withdrawn: Sequence[str],
    ) -> None:
        self.people: list[Person] = []
        self._name = name
        self._http = http
        self._journal = journal
        self._codes = codes
        self._withdrawn = withdrawn
        self._random = Random(name)
        self._numbers = count(1)

    def work(self, acts: "Sequence[Act]", over: Event) -> None:
        """Do these things, in an order of chance, until it is over."""
        while not over.is_set():
            self._random.choice(acts)(self)
            if not self._journal.streak:
                # Whoever is not served waits a moment.
                over.wait(BACK_OFF_SECONDS)

    def repeat(self) -> None:
        """Ask again whatever was not answered, once."""
        for person in self.people:
            if person.unanswered:
                person.unanswered()

    def register(self, code: str | None = None) -> Person:
        person = self._somebody_new()
        if person.register(code).fate is not Fate.REFUSED:
            self.people.append(person)
        return person

    def register_with_a_code(self) -> None:
        self.register(self._random.choice(self._codes))

    def register_with_a_withdrawn_code(self) -> None:
        self.register(self._random.choice(self._withdrawn))

    def publish(self) -> None:
        if person := self._somebody():
            person.publish()

    def publish_several(self) -> None:
        if person := self._somebody():
            person.publish_several(RACERS)

    def withdraw(self) -> None:
        if person := self._somebody(lambda person: person.has_code):
            person.withdraw()

    def activate(self) -> None:
        if person := self._somebody(lambda person: bool(person.codes)):
            person.activate(*self._random.choice(person.codes))

    def join(self, several: int = 1) -> None:
        if person := self._somebody(lambda person: not person.is_referred):
            person.join([self._random.choice(self._codes) for _ in range(several)])

    def join_with_several_codes(self) -> None:
        self.join(RACERS)

    def refresh(self, times: int = 1) -> None:
        if person := self._somebody():
            person.refresh(times)

    def refresh_several_times(self) -> None:
        self.refresh(RACERS)

    def log_out(self) -> None:
        if person := self._somebody():
            person.log_out()

    def log_in(self) -> None:
        if person := self._chosen(lambda person: not person.tokens and not person.unanswered):
            person.log_in()

    def look_at_oneself(self) -> None:
        if person := self._somebody():
            person.look_at_oneself()

    def look_somebody_up(self) -> None:
        if person := self._somebody():
            person.be_looked_up()

    def forget_the_password(self) -> None:
        if person := self._somebody():
            person.forget_the_password()

    def _somebody_new(self) -> Person:
        email = f"{self._name}-{next(self._numbers)}@example.com"
        return Person(email, self._http, self._journal)

    def _somebody(self, fits: Callable[[Person], bool] = lambda _: True) -> Person | None:
        """Somebody who can ask for this, if there is anybody."""
        return self._chosen(lambda person: person.can_ask and fits(person))

    def _chosen(self, fits: Callable[[Person], bool]) -> Person | None:
        fitting = list(filter(fits, self.people))
        return self._random.choice(fitting) if fitting else None


Act = Callable[[Client], None]

ARRIVALS: Sequence[Act] = [
    Client.register,
    Client.register_with_a_code,
    Client.register_with_a_code,
    Client.register_with_a_withdrawn_code,
]
WRITES: Sequence[Act] = [
    *ARRIVALS,
    Client.publish,
    Client.publish_several,
    Client.withdraw,
    Client.activate,
    Client.join,
    Client.join_with_several_codes,
    Client.refresh,
    Client.refresh_several_times,
    Client.log_out,
    Client.log_in,
    Client.forget_the_password,
]
EVERYTHING: Sequence[Act] = [*WRITES, Client.look_at_oneself, Client.look_somebody_up]


class Crowd:
    """Clients, and those whose codes they join with.

    :param name: what no other crowd of this database is called.
    """

    def __init__(self, url: str, journal: Journal, name: str) -> None:
        self.journal = journal
        self._name = name
        self.http = connections_to(url)
        self.http.timeout = httpx.Timeout(PATIENCE_SECONDS)
        self._over = Event()
        self._clients: list[Client] = []
        referrers = [self._referrer(f"{name}-referrer-{each}") for each in range(3)]
        withdrawn = self._referrer(f"{name}-{WITHDRAWN}")
        withdrawn.withdraw()
        self._codes = [code for person in referrers for _, code in person.codes]
        self._withdrawn = [code for _, code in withdrawn.codes]

    def client(self) -> Client:
        """One more."""
        name = f"{self._name}-{len(self._clients)}"
        self._clients.append(Client(name, self.http, self.journal, self._codes, self._withdrawn))
        return self._clients[-1]

    @contextmanager
    def at_work(self, acts: Sequence[Act], clients: int = CLIENTS) -> Iterator[None]:
        """Meanwhile so many of them do these things."""
        self._over.clear()
        with ThreadPoolExecutor(clients) as threads:
            work = [threads.submit(self.client().work, acts, self._over) for _ in range(clients)]
            try:
                yield
            finally:
                self._over.set()
                for each in work:
                    each.result()

    def repeat(self) -> None:
        """Have everybody ask again whatever was not answered."""
        at_once([client.repeat for client in self._clients])

    def close(self) -> None:
        self.http.close()

    def _referrer(self, name: str) -> Person:
        person = Person(f"{name}@example.com", self.http, self.journal)
        for entry in (person.register(), person.publish()):
            if entry.fate is not Fate.ACKNOWLEDGED:
                raise ChildProcessError(f"Nothing works yet: {entry}")
        return person
