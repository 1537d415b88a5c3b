"""The jobs, and what is asked of the service for each."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count, cycle

from bench import people
from bench.measuring import sent
from bench.people import Findable
from bench.requests import Request, log_in, look_up, register
from bench.site import Site

WARM = 1000
# Few enough that a thousand users have them.
FRESH = 300
# What is asked at most in a second; more requests than that are not made ready.
FASTEST_LOOK_UPS, FASTEST_REGISTRATIONS = 6000, 200
REFERRERS = 100
DEEP_LIMIT = 20

# The requests for so many seconds, and two at least.
Asked = Callable[[float], Sequence[Request]]


@dataclass(frozen=True)
class Job:
    """Something the service does.

    :param asked: its requests, others each time where none may be sent twice.
    :param once: none may.
    :param count: so many of them are a turn, where there are not enough for one of some seconds.
    :param warmed: each was answered a moment before it is measured.
    :param hashes: one argon2id is the least it takes.
    :param meanwhile: what goes on beside it.
    """

    name: str
    asked: Asked
    once: bool = False
    count: int = 0
    warmed: bool = False
    hashes: bool = False
    meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def slug(self) -> str:
        """The name as part of a path."""
        return self.name.replace(" ", "-").replace(",", "")


def least_users(rounds: int, seconds: float) -> int:
    """How many there have to be, of whom nine in ten can be looked up, for so many rounds."""
    return (WARM + FRESH + int(rounds * seconds * FASTEST_LOOK_UPS)) * 10 // 9 + 1


class People:
    """Those who ask, and those who are asked for."""

    def __init__(self, site: Site, url: str, password: str) -> None:
        self.site = site
        self._url = url
        self._password = password
        self.findable = Findable(site)
        self.known = self.findable.take(min(WARM, site.users // 2))
        self._fresh = self.findable.take(FRESH)
        self.ordinary = self._token(people.ordinary(site))
        self.greatest, self.brought = people.greatest_referrer(site)
        self.greatest_token = self._token(self.greatest)
        self._codes = cycle(people.codes(site, REFERRERS))
        self._newcomers = (f"newcomer{number}@example.com" for number in count())

    def _token(self, email: str) -> str:
        return str(sent(self._url, log_in(email, self._password)).json()["access_token"])

    def cached_look_ups(self, _seconds: float = 0) -> list[Request]:
        return [look_up(email) for email in self.known]

    def uncached_look_ups(self, seconds: float) -> list[Request]:
        number = max(2, int(seconds * FASTEST_LOOK_UPS))
        return [look_up(email) for email in self.findable.take(number)]

    def fresh_look_ups(self, _seconds: float = 0) -> list[Request]:
        """The same ones each time, of which no copy is left."""
        self.site.forget_copies()
        return [look_up(email) for email in self._fresh]

    def log_ins(self, _seconds: float = 0) -> list[Request]:
        return [log_in(email, self._password) for email in self.known]

    def registrations(self, seconds: float) -> list[Request]:
        number = max(2, int(seconds * FASTEST_REGISTRATIONS))
        password = self._password
        return [register(next(self._newcomers), password, next(self._codes)) for _ in range(number)]

    def own(self, path: str) -> Asked:
        """What somebody ordinary asks for about themselves."""
        return lambda _: [Request(path, token=self.ordinary)]

    def page(self, limit: int, page: int = 1) -> Asked:
        """A page of the people that the greatest referrer brought."""
        path = f"/referral/referrals?limit={limit}"
        if page > 1:
            site, who = self.site, self.greatest
            path += f"&cursor={people.cursor_of_page(site, who, self.brought, page, limit)}"
        return lambda _: [Request(path, token=self.greatest_token)]

    @property
    def last_page(self) -> int:
        """The number of the last page of these people, if there are few on each."""
        return self.brought // DEEP_LIMIT


def all_jobs(who: People, changing: Callable[[], AbstractContextManager[None]]) -> list[Job]:
    """The jobs that have a ceiling.

    :param changing: in which codes are changed while they are looked up.
    """
    return [
        Job("cached look-up", who.cached_look_ups, warmed=True, meanwhile=changing),
        Job("uncached look-up", who.uncached_look_ups, once=True),
        Job("first page of 100", who.page(100), warmed=True),
        Job("me", who.own("/auth/me"), warmed=True),
        Job("log-in", who.log_ins, hashes=True),
        Job("registration with a code", who.registrations, once=True, hashes=True),
    ]


def reads(who: People) -> list[Job]:
    """Every read, as it is asked of databases of different sizes."""
    return [
        Job("cached look-up", who.cached_look_ups, warmed=True),
        Job("uncached look-up", who.fresh_look_ups, once=True, count=FRESH),
        Job("first page of 100", who.page(100), warmed=True),
        Job("me", who.own("/auth/me"), warmed=True),
        Job("own code", who.own("/referral/code"), warmed=True),
        Job("own codes", who.own("/referral/codes"), warmed=True),
    ]
