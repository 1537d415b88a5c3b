"""Somebody who asks without end, from one network address."""

from collections import Counter
from random import randrange
from threading import Event, Thread
from typing import Any, Self

import httpx


class Flood:
    """Guesses at mailed tokens, one after the other, for the length of a `with` block.

    :ivar answers: how many there were of each status.
    """

    def __init__(self, url: str) -> None:
        self.answers: Counter[int] = Counter()
        address = f"198.18.{randrange(256)}.{randrange(256)}"
        self._http = httpx.Client(base_url=url, headers={"X-Forwarded-For": address}, timeout=10)
        self._over = Event()
        self._thread = Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()
        self._http.close()

    @property
    def admitted(self) -> int:
        return self.answers[422]

    @property
    def refused(self) -> int:
        return self.answers[429]

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                response = self._http.post("/auth/verify_email", json={"token": "none"})
            except httpx.TransportError:
                continue
            self.answers[response.status_code] += 1
