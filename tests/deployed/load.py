"""Clients that ask one thing after the other, as long as somebody answers."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from threading import Event

# Enough to be in the middle of something all the time, and not so much that nothing else runs.
PAUSE = 0.02
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REQUESTS = (
    ("GET", "/healthz", None, {}),
    ("POST", "/auth/revoke", "token=unknown", FORM),
)


@contextmanager
def load(port: int, keeping: int = 0, opening: int = 0) -> Iterator[Counter[str]]:
    """Ask while the block runs; what came of it can be read once that is over.

    :param keeping: how many clients keep their connections.
    :param opening: how many open one for every request.
    """
    outcomes: Counter[str] = Counter()
    over = Event()
    with ThreadPoolExecutor(keeping + opening) as threads:
        clients = [threads.submit(_ask, port, over, True) for _ in range(keeping)]
        clients += [threads.submit(_ask, port, over, False) for _ in range(opening)]
        try:
            yield outcomes
        finally:
            over.set()
    for client in clients:
        outcomes.update(client.result())


def _ask(port: int, over: Event, keep: bool) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for method, path, body, headers in cycle(REQUESTS):
        if over.is_set() or outcomes["refused"]:
            break
        outcomes[_outcome(connection, method, path, body, headers)] += 1
        if not keep:
            connection.close()
        over.wait(PAUSE)
    connection.close()
    return +outcomes


def _outcome(
    connection: HTTPConnection, method: str, path: str, body: str | None, headers: dict[str, str]
) -> str:
    """The status, or what went wrong."""
    try:
        if connection.sock is None:
            connection.connect()
    except ConnectionRefusedError:
        return "refused"
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except (OSError, HTTPException) as error:
        connection.close()
        return repr(error)
