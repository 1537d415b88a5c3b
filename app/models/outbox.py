"""What the service owes the outside: mails to send, and profiles to ask for."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment


class Delivery(Base):
    """One thing owed. The row is written with what gave rise to it, and deleted when it is done.

    The payload names who and what by id, and the request for the logs; no token or password is ever
    in it. A delivery that failed for too long is dead: it stays until somebody has it tried again.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due_at", "due_at", postgresql_where=text("dead_at IS NULL")),
    )

    id: Mapped[BigId]
    kind: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
    due_at: Mapped[Moment] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_failure: Mapped[str | None] = mapped_column(Text)
    dead_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
