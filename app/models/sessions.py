"""Who is logged in, and which refresh tokens they hold."""

from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Moment


class Session(Base):
    """One log-in. Its tokens work until the row runs out; ending a session deletes it.

    The id is random rather than counted, so that a token from before a restored or recreated
    database cannot name somebody else's session.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", name="fk_sessions_user_id")
    )
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Moment]


class RefreshToken(Base):
    """A refresh token of a session: the one that still works, or one used a moment ago.

    A token without a row was used long ago, or its session has ended.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("ix_refresh_tokens_session_id", "session_id"),)

    jti: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.id", name="fk_refresh_tokens_session_id", ondelete="CASCADE")
    )
    used_at: Mapped[Moment | None] = mapped_column(DateTime(timezone=True))
