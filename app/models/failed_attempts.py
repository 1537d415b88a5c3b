"""Passwords that were tried and were wrong."""

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Moment


class FailedAttempts(Base):
    """How often in a row a password was wrong for one address or account, known or not.

    The subject is a digest: strangers decide what is submitted, and it need not be kept.
    """

    __tablename__ = "failed_attempts"
    __table_args__ = (Index("ix_failed_attempts_last_at", "last_at"),)

    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    count: Mapped[int]
    last_at: Mapped[Moment]
    retry_at: Mapped[Moment]
