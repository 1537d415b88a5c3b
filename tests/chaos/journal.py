"""What clients asked and what they were answered, on disk before and after each request."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum, auto
from itertools import count
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import httpx


class Fate(Enum):
    """What a client may believe of what it asked."""

    ACKNOWLEDGED = auto()
    REFUSED = auto()
    UNKNOWN = auto()


@dataclass
class Entry:
    """One request: who wanted what, and what came of it.

    :ivar operation: what was asked, in a word of `tests.chaos.story`.
    :ivar who: the address of the person.
    :ivar terms: what matters of the request.
    :ivar race: the number that requests of one moment share, or 0.
    :ivar asked: the moment it was sent, in seconds of this machine's monotonic clock.
    """

    number: int
    operation: str
    who: str
    terms: dict[str, Any]
    race: int
    asked: float
    answered: float = 0
    status: int = 0
    body: Any = None
    lost: str = ""

    @property
    def fate(self) -> Fate:
        if 200 <= self.status < 300:
            return Fate.ACKNOWLEDGED
        # Nobody listened, so nobody has heard it.
        if 400 <= self.status < 500 or self.lost == httpx.ConnectError.__name__:
            return Fate.REFUSED
        return Fate.UNKNOWN

    @property
    def code(self) -> str:
        """The word for the error, or nothing."""
        return str(self.body.get("code", "")) if self.status >= 400 and self.body else ""

    @property
    def is_unserved(self) -> bool:
        """Whether it was refused only because something is broken, or not answered at all."""
        return self.status == 503 or bool(self.lost)

    @property
    def took(self) -> float:
        return self.answered - self.asked

    def __str__(self) -> str:
        came = f"{self.status} {self.code}".strip() if self.status else self.lost or "no answer"
        return f"{self.operation} of {self.who} at {self.asked:.3f}: {came}"


class Journal:
    """The requests of one round, a line before each and a line after it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lines = file.open("ab", buffering=0)
        self._writing = Lock()
        self._numbers = count(1)
        # How many requests in a row, until now, were served.
        self.streak = 0
        self.acknowledged = 0

    def ask(
        self,
        operation: str,
        who: str,
        send: Callable[[], httpx.Response],
        race: int = 0,
        **terms: Any,
    ) -> Entry:
        """Send a request; gives what came of it."""
        entry = Entry(next(self._numbers), operation, who, terms, race, monotonic())
        self._write(asdict(entry))
        try:
            response = send()
            entry.status, entry.body = response.status_code, body_of(response)
        except httpx.TransportError as error:
            entry.lost = type(error).__name__
        entry.answered = monotonic()
        self._write(asdict(entry))
        self._count(entry)
        return entry

    def read(self) -> list[Entry]:
        """What is on disk, in the order in which it was asked."""
        entries: dict[int, Entry] = {}
        for line in self.file.read_text().splitlines():
            entry = Entry(**json.loads(line))
            entries[entry.number] = entry
        return [entries[number] for number in sorted(entries)]

    def close(self) -> None:
        self._lines.close()

    def _count(self, entry: Entry) -> None:
        with self._writing:
            self.streak = 0 if entry.is_unserved else self.streak + 1
            self.acknowledged += entry.fate is Fate.ACKNOWLEDGED

    def _write(self, fields: dict[str, Any]) -> None:
        line = json.dumps(fields).encode() + b"\n"
        with self._writing:
            self._lines.write(line)
            os.fsync(self._lines.fileno())


def body_of(response: httpx.Response) -> Any:
    """What the answer says, if it says anything that can be read."""
    try:
        return response.json() if response.content else None
    except ValueError:
        return {"unreadable": response.text[:200]}
