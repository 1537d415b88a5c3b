"""Paging by key: a page begins after the last row of the one before, however many there are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, tuple_
from sqlalchemy.orm import InstrumentedAttribute

# Where a page ended, newest first: when its last row was created, and that row's id.
Position = tuple[datetime, int]


def beyond(
    created_at: InstrumentedAttribute[datetime], id_: InstrumentedAttribute[int]
) -> ColumnElement[bool]:
    """The condition on rows that come after a position, which `position` gives."""
    return tuple_(created_at, id_) < tuple_(bindparam("after"), bindparam("after_id"))


def position(cursor: Position) -> dict[str, Any]:
    """What the statement is to be told of where its page begins."""
    return {"after": cursor[0], "after_id": cursor[1]}


def cut(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], Position | None]:
    """The rows of a page out of one more than it may hold, and where the next one begins."""
    page = rows[:limit]
    more = len(rows) > limit
    return page, (page[-1].created_at, page[-1].id) if more else None
