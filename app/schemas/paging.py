"""How lists are asked for, page by page."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.models.base import MAX_ID
from app.schemas.base import Lenient, Reworded

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Enough digits for any year a timestamp can have and for any id.
PLAIN_CURSOR = re.compile(rb"(\d{1,17})\.(\d{1,19})")


class Limit(fields.Integer):
    """A whole number in plain digits; Python's own reading would take ` 5_0 ` too."""

    def _validated(self, value: Any) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Cursor(Reworded, fields.String):
    """Where a list goes on, opaque to clients: the last row's creation (µs) and id."""

    def reword(self, value: tuple[datetime, int] | None) -> str | None:
        return None if value is None else _encode(*value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            created_at, id_ = _decode(value)
        except ValueError:
            created_at, id_ = EPOCH, 0
        if _encode(created_at, id_) != value or id_ > MAX_ID:
            raise ValidationError("Not a cursor that this service gave out.")
        return created_at, id_


def _encode(created_at: datetime, id_: int) -> str:
    plain = f"{(created_at - EPOCH) // MICROSECOND}.{id_}"
    return urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, int]:
    plain = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    parts = PLAIN_CURSOR.fullmatch(plain)
    if parts is None:
        raise ValueError("not what _encode makes")
    microseconds, id_ = parts.groups()
    return EPOCH + int(microseconds) * MICROSECOND, int(id_)


class PageQuery(Lenient):
    limit = Limit(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=LARGEST_LIMIT),
        metadata={"description": "How many to give at most"},
    )
    cursor = Cursor(
        metadata={"description": "`next_cursor` of the page before; absent for the first page"},
    )


class NextCursor(Cursor):
    """How a page says where the next one begins."""

    def __init__(self) -> None:
        super().__init__(
            allow_none=True,
            required=True,
            metadata={
                "description": "Where the next page begins; null on the last one",
                "example": "MTc5NTIyMjQwMDAwMDAwMC40Mg",
            },
        )
