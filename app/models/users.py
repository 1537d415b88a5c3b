"""The people who registered."""

from datetime import datetime

from sqlalchemy import DateTime, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt

UNIQUE_EMAIL = "uq_users_email"


class User(Base):
    """One account. `email` is canonical, so that one address has one account."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email", name=UNIQUE_EMAIL),)

    id: Mapped[BigId]
    email: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[CreatedAt]

    @property
    def email_verified(self) -> bool:
        return self.email_verified_at is not None
