"""Paging by key: a page begins after the last row of the one before, however many there are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import InstrumentedAttribute

# Where a page ended, newest first: when its last row was created, and that row's id.
Position = tuple[datetime, int]


def beyond(
    position: Position | None,
    created_at: InstrumentedAttribute[datetime],
    id_: InstrumentedAttribute[int],
) -> list[ColumnElement[bool]]:
    """The condition on rows that come after this position; none at the start."""
    return [] if position is None else [tuple_(created_at, id_) < position]


def cut(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], Position | None]:
    """The rows of a page out of one more than it may hold, and where the next one begins."""
    page = rows[:limit]
    more = len(rows) > limit
    return page, (page[-1].created_at, page[-1].id) if more else None
