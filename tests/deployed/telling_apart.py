"""Whether two kinds of requests can be told apart by how long their answers take."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from http.client import HTTPConnection
from random import shuffle
from time import perf_counter

PAIRS = 1000
# Before the first that counts, for whatever is made once.
WARM_UP = 25

Ask = Callable[[HTTPConnection, str], int]


def look_up(connection: HTTPConnection, email: str) -> int:
    """Gives the status."""
    return _answered(connection, "GET", f"/referral/code/by-email?email={email}")


def post(path: str, **others: str) -> Ask:
    """Sends the address, and the others with it, as JSON."""

    def ask(connection: HTTPConnection, email: str) -> int:
        return _answered(connection, "POST", path, json.dumps({"email": email} | others))

    return ask


def area_under_curve(
    port: int, ask: Ask, status: int, one: Iterable[str], other: Iterable[str]
) -> float:
    """How often the other takes longer than the one: half of the time if nothing tells them apart.

    All requests go over one connection, a pair after the other, in either order within a pair, so
    that whatever else the machine does befalls both kinds alike.
    """
    times: tuple[list[float], list[float]] = ([], [])
    pairs = list(zip(one, other, strict=True))
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for pair in pairs:
            order = [0, 1]
            shuffle(order)
            for kind in order:
                started = perf_counter()
                assert ask(connection, pair[kind]) == status
                times[kind].append(perf_counter() - started)
    return mann_whitney(*(each[WARM_UP:] for each in times))


def mann_whitney(ones: Sequence[float], others: Sequence[float]) -> float:
    """The share of pairs of one and another in which the other is greater; half of those alike."""
    ordered = sorted(ones)
    below = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in others)
    return below / (2 * len(ones) * len(others))


def _answered(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> int:
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    return response.status
