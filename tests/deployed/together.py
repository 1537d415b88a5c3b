"""Many requests at one moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import TypeVar

import httpx

Result = TypeVar("Result")

MANY = 40
BUSY = 8


def at_once(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Make all calls at the same moment, each in a thread of its own; gives their results."""
    calls = list(calls)
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@contextmanager
def meanwhile(call: Callable[[], object], threads: int = BUSY) -> Iterator[None]:
    """Make this call over and over from several threads as long as the block runs."""
    over = Event()

    def repeat() -> None:
        while not over.is_set():
            call()

    with ThreadPoolExecutor(threads) as pool:
        repeats = [pool.submit(repeat) for _ in range(threads)]
        try:
            yield
        finally:
            over.set()
    for repeated in repeats:
        repeated.result()


def outcome(response: httpx.Response) -> str:
    """An answer in a word or two: `201`, `409 email_taken`."""
    if response.is_success:
        return str(response.status_code)
    return f"{response.status_code} {response.json()['code']}"


def outcomes(responses: Iterable[httpx.Response]) -> Counter[str]:
    """How often each answer came."""
    return Counter(map(outcome, responses))
