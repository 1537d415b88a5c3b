"""The people who registered."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Text, UniqueConstraint, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment

UNIQUE_EMAIL = "uq_users_email"


class User(Base):
    """One account. `email` is canonical, so that one address has one account."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email", name=UNIQUE_EMAIL),)

    id: Mapped[BigId]
    email: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    # A link asked for before it sets no other password any more.
    password_changed_at: Mapped[Moment] = mapped_column(server_default=func.now())
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[CreatedAt]
    # In which mails are written: a tag of BCP 47.
    language: Mapped[str] = mapped_column(Text, server_default="en")
    # What an enrichment service knows, as it said it: JSONB would write numbers out, to hundreds of
    # digits. Read when it is asked for, for every request reads the rest.
    profile: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)

    @property
    def email_verified(self) -> bool:
        return self.email_verified_at is not None
