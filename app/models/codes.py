"""The referral codes people publish."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    and_,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment

ONE_ACTIVATED = "uq_codes_one_activated_per_user"

# The form of a wording, as people write it; it is kept in capitals.
WORDING = r"[A-Za-z0-9-]{4,32}"


class Code(Base):
    """A wording and the person it belongs to, for ever: a deleted code keeps its row.

    So no wording passes to somebody else, and a referral can always say which code it came by.
    A code works while it is activated and not expired.
    """

    __tablename__ = "codes"
    __table_args__ = (
        UniqueConstraint("code", name="uq_codes_code"),
        Index(ONE_ACTIVATED, "user_id", unique=True, postgresql_where=text("is_activated")),
        Index("ix_codes_user_id_created_at_id", "user_id", "created_at", "id"),
        CheckConstraint("NOT (is_activated AND deleted_at IS NOT NULL)", name="deleted_is_off"),
        CheckConstraint("code ~ '^[A-Z0-9-]{4,32}$'", name="code_form"),
    )

    id: Mapped[BigId]
    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", name="fk_codes_user_id")
    )
    code: Mapped[str] = mapped_column(Text)
    is_activated: Mapped[bool]
    expires_at: Mapped[Moment]
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


# By the clock, not by when the transaction began: since then it may have waited for a lock.
USABLE = and_(Code.is_activated, Code.expires_at > func.clock_timestamp())
