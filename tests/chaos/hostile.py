"""Clients that mean harm: slow ones, deep bodies, and a flood of log-ins."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

SLOW = 100
SLOW_HEAD = b"POST /auth/login HTTP/1.1\r\nHost: service\r\nContent-Length: 60000\r\n\r\n"
DEEP = b"[" * 60_000
JSON = {"Content-Type": "application/json"}
FLOODERS = 4


@contextmanager
def at_work(url: str) -> Iterator[None]:
    """Meanwhile they do their worst."""
    over = Event()
    works: list[Callable[[str, Event], None]] = [send_a_byte_a_second, send_deep_bodies]
    threads = [Thread(target=each, args=(url, over)) for each in works + [flood] * FLOODERS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def send_a_byte_a_second(url: str, over: Event) -> None:
    """On many connections at once: half of them never end their headers, half not their body."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    with ExitStack() as closing:
        slow = [closing.enter_context(socket.create_connection(address)) for _ in range(SLOW)]
        for each in slow[: SLOW // 2]:
            each.sendall(SLOW_HEAD)
        for each in slow[SLOW // 2 :]:
            each.sendall(SLOW_HEAD[:-2] + b"X-Slow: ")
        while not over.wait(1):
            for each in slow:
                # The service may have had enough.
                with suppress(OSError):
                    each.send(b"a")


def send_deep_bodies(url: str, over: Event) -> None:
    """JSON that is nothing but nesting."""
    with httpx.Client(base_url=url, timeout=20) as http:
        while not over.is_set():
            http.post("/auth/register", content=DEEP, headers=JSON)


def flood(url: str, over: Event) -> None:
    """Log-ins for addresses that nobody has, from one network address."""
    with httpx.Client(base_url=url, timeout=20) as http:
        while not over.is_set():
            body = {"email": f"{uuid4().hex}@example.com", "password": "a wrong guess"}
            http.post("/auth/login", json=body, headers={"X-Forwarded-For": "198.51.100.7"})
