"""Read your writes: whether a look-up gives the old answer once a change has been answered."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from threading import Event

import httpx

from bench.load import BenchError
from bench.measuring import sent
from bench.requests import Request, log_in, look_up

READERS = 4
# So that what is measured beside it hardly notices.
PAUSE_SECONDS = 0.2


@dataclass
class Truth:
    """How many codes were changed, how many look-ups followed, and how many of them were wrong."""

    changes: int = 0
    looked_up: int = 0
    old: int = 0


class Changers:
    """People who publish one code after the other and look at once whether it is found."""

    def __init__(self, url: str, emails: Sequence[str], password: str) -> None:
        tokens = [sent(url, log_in(email, password)).json()["access_token"] for email in emails]
        self._url = url
        self._people = cycle(zip(emails, tokens, strict=True))
        self.truth = Truth()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They change their codes for the length of the block."""
        over = Event()
        with ThreadPoolExecutor(1) as thread:
            working = thread.submit(self._work, over)
            try:
                yield
            finally:
                over.set()
        working.result()

    def _work(self, over: Event) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(self._client()) for _ in range(1 + READERS)]
            writer, *readers = clients
            while not over.wait(PAUSE_SECONDS):
                self._change_and_look(writer, readers)

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, timeout=30, trust_env=False)

    def _change_and_look(self, writer: httpx.Client, readers: Sequence[httpx.Client]) -> None:
        email, token = next(self._people)
        change = Request("/referral/code", "POST", token, {"lifetime_minutes": 100_000})
        code = _answer(writer, change)
        self.truth.changes += 1
        for reader in readers:
            self.truth.looked_up += 1
            self.truth.old += _answer(reader, look_up(email)) != code


def _answer(client: httpx.Client, request: Request) -> str:
    """The code in the answer."""
    response = client.request(
        request.method, request.path, headers=request.headers, content=request.content
    )
    if not response.is_success:
        raise BenchError(f"{request.method} {request.path}: {response.status_code}")
    return str(response.json()["code"])
