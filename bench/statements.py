"""The PostgreSQL statements of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Statements:
    """What a request sent to PostgreSQL, in order, and what that answered with.

    `prepared` has those that are sent by their names only, and are planned before.
    """

    texts: list[str]
    answer: Any
    prepared: Mapping[str, str] = field(default_factory=dict)

    @property
    def only_read(self) -> bool:
        return all(text.lstrip().upper().startswith(("SELECT", "EXECUTE")) for text in self.texts)
