"""A replica of the database, which is read instead of it where a moment's lag does no harm."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg2
from sqlalchemy import Engine, Select, create_engine
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import metrics
from app.patience import deadline
from app.reading import fetch

# The primary can still be read in time after it.
LONGEST_SECONDS = 1.0
PAUSE_SECONDS = 10.0

log = logging.getLogger(__name__)


class Replica:
    """The replica, if there is one."""

    def init_app(self, url: str | None, options: dict[str, Any]) -> None:
        """Use the replica at this URL; nothing is connected yet.

        :param options: SQLAlchemy's, for the engine.
        """
        options = options | {"pool_timeout": LONGEST_SECONDS}
        self._engine: Engine | None = create_engine(url, **options) if url else None
        self._asleep_until = 0.0

    def read(
        self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """What the replica says, or None where it cannot tell."""
        if self._engine is None or monotonic() < self._asleep_until:
            return None
        try:
            with _hurrying():
                return fetch(self._engine, statement, parameters)
        except (psycopg2.Error, PoolTimeout) as error:
            # So that a frozen replica costs a few requests its time-out, not every one.
            self._asleep_until = monotonic() + PAUSE_SECONDS
            metrics.part_failures.labels(part="replica").inc()
            lost = type(error).__name__
            log.warning("The replica does not answer (%s); not asked for %s s", lost, PAUSE_SECONDS)
            return None


@contextmanager
def _hurrying() -> Iterator[None]:
    before = deadline.set(monotonic() + LONGEST_SECONDS)
    try:
        yield
    finally:
        deadline.reset(before)
