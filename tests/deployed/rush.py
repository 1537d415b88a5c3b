"""People who register with a code while something happens to it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Event
from time import monotonic
from typing import Self

import httpx

from tests.deployed.together import MANY, at_once, outcome
from tests.people import PASSWORD

LONGEST_SECONDS = 30


@dataclass(frozen=True)
class Attempt:
    """A registration: whose, when it was sent, and what came of it."""

    email: str
    began: float
    outcome: str


class Rush:
    """Forty at a time register with a code until they are refused.

    The block begins once the first of them is in, and ends when the last has been refused.
    """

    def __init__(self, http: httpx.Client, code: str):
        self._http = http
        self._code = code
        self._numbers = count()
        self._somebody_is_in = Event()
        self._attempts: list[Attempt] = []

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        self._all_refused = self._thread.submit(at_once, [self._until_refused] * MANY)
        assert self._somebody_is_in.wait(LONGEST_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._all_refused.result()

    def attempt(self) -> bool:
        """Somebody new registers; tells whether they got in."""
        email, began = f"person-{next(self._numbers)}@example.com", monotonic()
        response = sign_up(self._http, email, referral_code=self._code)
        self._attempts.append(Attempt(email, began, outcome(response)))
        if response.is_success:
            self._somebody_is_in.set()
        return response.is_success

    def outcomes(self, since: float = 0) -> set[str]:
        """What came of the registrations that were sent after this moment."""
        return {attempt.outcome for attempt in self._attempts if attempt.began > since}

    def let_in(self) -> set[str]:
        """The addresses of those who were told they are in."""
        return {attempt.email for attempt in self._attempts if attempt.outcome == "201"}

    def _until_refused(self) -> None:
        deadline = monotonic() + LONGEST_SECONDS
        while self.attempt():
            assert monotonic() < deadline, "nobody is refused"


def sign_up(http: httpx.Client, email: str, **terms: str) -> httpx.Response:
    """Register, or try to."""
    return http.post("/auth/register", json={"email": email, "password": PASSWORD} | terms)
