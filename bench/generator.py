"""Asks a service over kept connections, as wrk does, and counts requests or chooses who serves."""

import json
import selectors
import socket
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import click
import psutil

from bench.load import TIMEOUT_SECONDS
from bench.requests import read
from dev.waiting import wait_until

LARGEST_PIECE = 256 * 1024


class Connection:
    """A kept connection, on which one request at a time is asked."""

    def __init__(self, url: str, workers: Sequence[int]) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._workers = workers
        self.open()

    def open(self) -> None:
        """Connect, to one of the workers that are to serve."""
        refused = []
        while True:
            self.socket = socket.create_connection(self._address, timeout=TIMEOUT_SECONDS)
            if not self._workers or self._is_served_by_one_of_them():
                break
            # Closed only now: it might be accepted by the same one again.
            refused.append(self.socket)
        for each in refused:
            each.close()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> None:
        """Send a request."""
        self._received = b""
        self.socket.sendall(request)
        self.asked_at = perf_counter()

    def status(self) -> int | None:
        """Read on; the status once the whole answer is there, 0 if there will be none."""
        piece = self.socket.recv(LARGEST_PIECE)
        self._received += piece
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not piece:
            return 0
        if not end or len(body) < _length(head):
            return None
        return int(head.split(b" ", 2)[1])

    def must_end(self) -> bool:
        """Whether the answer was the last on this connection."""
        head = self._received.partition(b"\r\n\r\n")[0].lower()
        return not head or b"\r\nconnection: close" in head

    def _is_served_by_one_of_them(self) -> bool:
        wait_until(lambda: _holder(self.socket) is not None, "worker that accepts")
        return _holder(self.socket) in self._workers


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _holder(mine: socket.socket) -> int | None:
    """The process that holds the other end of this connection."""
    port = mine.getsockname()[1]
    for each in psutil.net_connections("tcp4"):
        if each.raddr and each.raddr.port == port and each.pid:
            return int(each.pid)
    return None


class Generator:
    """Keeps its connections asking, until time, count or requests have run out."""

    def __init__(self, requests: Sequence[bytes], once: bool, count: int) -> None:
        endless: Iterator[bytes] = iter(requests) if once else cycle(requests)
        self._requests = islice(endless, count or None)
        self._count = count
        self._exhausted = False
        self._milliseconds: list[float] = []
        self._errors = 0

    def run(self, connections: Sequence[Connection], seconds: float) -> str:
        """Ask; gives what came of it as JSON."""
        with selectors.DefaultSelector() as selector:
            started = perf_counter()
            for connection in connections:
                self._ask(connection, selector)
            while self._goes_on(selector, perf_counter() - started, seconds):
                ready = selector.select(TIMEOUT_SECONDS)
                for key, _ in ready:
                    self._hear(key.data, selector)
                if not ready:
                    self._errors += len(selector.get_map())
                    break
        return self._told(perf_counter() - started)

    def _goes_on(self, selector: selectors.BaseSelector, passed: float, seconds: float) -> bool:
        if self._count:
            return bool(selector.get_map())
        return passed < seconds and not self._exhausted

    def _hear(self, connection: Connection, selector: selectors.BaseSelector) -> None:
        status = connection.status()
        if status is None:
            return
        if 200 <= status < 300:
            self._milliseconds.append((perf_counter() - connection.asked_at) * 1000)
        else:
            self._errors += 1
        selector.unregister(connection.socket)
        if connection.must_end():
            connection.socket.close()
            connection.open()
        self._ask(connection, selector)

    def _ask(self, connection: Connection, selector: selectors.BaseSelector) -> None:
        request = next(self._requests, None)
        if request is None:
            self._exhausted = True
            return
        connection.ask(request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _told(self, seconds: float) -> str:
        ordered = sorted(self._milliseconds) or [0.0]
        return json.dumps(
            {
                "requests": len(self._milliseconds) + self._errors,
                "seconds": seconds,
                "p50": ordered[len(ordered) // 2],
                "p99": ordered[len(ordered) * 99 // 100],
                "errors": self._errors,
                "exhausted": self._exhausted and not self._count,
            }
        )


@click.command()
@click.argument("url")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--connections", default=16)
@click.option("--seconds", default=3.0)
@click.option("--count", default=0, help="How many requests in all, instead of the seconds.")
@click.option("--once", is_flag=True, help="Send no request twice.")
@click.option("--worker", "workers", multiple=True, type=int, help="Who is to serve, by its pid.")
def main(
    url: str,
    file: Path,
    connections: int,
    seconds: float,
    count: int,
    once: bool,
    workers: list[int],
) -> None:
    """Ask the service at URL the requests in FILE."""
    requests = read(file)
    opened = [Connection(url, workers) for _ in range(connections)]
    # For whoever waits until it is under way.
    click.echo("asking")
    click.echo(Generator(requests, once, count).run(opened, seconds))


if __name__ == "__main__":
    main()
