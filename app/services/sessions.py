"""Sessions: opened by a log-in, kept alive by rotating refresh tokens, ended by deletion.

Every request asks PostgreSQL whether its session is there, so what was ended cannot come back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from app.database import read, transaction
from app.errors import TokenInvalid, TokenReused, TokenRevoked
from app.extensions import db
from app.models import RefreshToken, Session, User
from app.services import tokens
from app.services.tokens import Claims, Tokens

# Two tabs of one browser may both send the token they share; that is no theft.
RACE = timedelta(seconds=10)
SWEPT_AT_ONCE = 1000

# In the order of `Account`.
ACCOUNT = select(
    User.id,
    User.email,
    User.password_hash,
    User.email_verified_at.is_not(None),
    User.is_admin,
    User.created_at,
)
# That the session of a token lives, which `Claims.session` names.
LIVES = and_(
    Session.id == bindparam("session_id"),
    Session.user_id == bindparam("user_id"),
    Session.expires_at > func.now(),
)
CALLER = ACCOUNT.join(Session, Session.user_id == User.id).where(LIVES)


@dataclass(frozen=True)
class Account:
    """What is read of the person who sends a request."""

    id: int
    email: str
    password_hash: str
    email_verified: bool
    is_admin: bool
    created_at: datetime


@dataclass(frozen=True)
class Caller:
    """The person who sent a request, and the session they sent it in."""

    user: Account
    session_id: UUID


def authenticate(token: str) -> Caller:
    """The caller whose access token this is; one statement.

    :raises TokenInvalid, TokenExpired, TokenRevoked: (RFC 6750, section 3.1).
    """
    claims = tokens.read_access_token(token)
    found = read(CALLER, claims.session)
    if not found:
        raise TokenRevoked
    return Caller(Account(*found[0]), claims.session_id)


def open_session(user_id: int) -> Tokens:
    """A new session, in the transaction of the caller."""
    session_id = uuid4()
    db.session.execute(
        insert(Session).values(id=session_id, user_id=user_id, expires_at=_expiry(func.now()))
    )
    return _issue(user_id, session_id)


def refresh(claims: Claims) -> Tokens:
    """New tokens for a refresh token, which is used up by it (RFC 9700, section 4.14.2).

    :raises TokenReused: it was used before. Unless that was a moment ago the session ends, for
        one of the two who used it is a thief.
    :raises TokenRevoked: the session has ended or run out.
    """
    with transaction():
        _lock_and_prolong(claims)
        if _spend(claims):
            _drop_used_long_ago(claims.session_id)
            return _issue(claims.user_id, claims.session_id)
        if not _used_a_moment_ago(claims):
            _end(claims.session_id)
    raise TokenReused


def end(session_id: UUID) -> None:
    """Log out: the session's tokens stop working."""
    with transaction():
        _end(session_id)


def end_by_token(token: str) -> None:
    """End the session that either of its tokens names, run out or not; else do nothing."""
    try:
        claims = tokens.read_any(token)
    except TokenInvalid:
        return
    end(claims.session_id)


def end_others(user_id: int, keep: UUID) -> None:
    """End every other session of this user, in the transaction of the caller."""
    db.session.execute(delete(Session).where(Session.user_id == user_id, Session.id != keep))


def end_all(user_id: int) -> None:
    """End every session of this user, in the transaction of the caller."""
    db.session.execute(delete(Session).where(Session.user_id == user_id))


def drop_expired(user_id: int) -> None:
    """Clear away what this user left to run out, in the transaction of the caller."""
    db.session.execute(
        delete(Session).where(Session.user_id == user_id, Session.expires_at <= func.now())
    )


def drop_all_expired() -> None:
    """Clear away what anybody left to run out, a bounded number at a time."""
    expired = select(Session.id).where(Session.expires_at <= func.now()).limit(SWEPT_AT_ONCE)
    swept = SWEPT_AT_ONCE
    while swept == SWEPT_AT_ONCE:
        with transaction():
            dropped = (
                delete(Session)
                # Asked again, for one may have been prolonged while it was waited for.
                .where(Session.id.in_(expired), Session.expires_at <= func.now())
                .returning(Session.id)
            )
            swept = len(db.session.scalars(dropped).all())


def _end(session_id: UUID) -> None:
    db.session.execute(delete(Session).where(Session.id == session_id))


def _lock_and_prolong(claims: Claims) -> None:
    """Refreshes and endings alike take the session's row first, so they take turns."""
    locked = db.session.scalar(
        update(Session)
        .where(
            Session.id == claims.session_id,
            Session.user_id == claims.user_id,
            Session.expires_at > func.now(),
        )
        .values(expires_at=_expiry(Session.created_at))
        .returning(Session.id)
    )
    if locked is None:
        raise TokenRevoked


def _spend(claims: Claims) -> bool:
    """Use the refresh token up, if it still is unused."""
    spent = db.session.scalar(
        update(RefreshToken)
        .where(RefreshToken.jti == claims.jti, RefreshToken.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RefreshToken.jti)
    )
    return spent is not None


def _drop_used_long_ago(session_id: UUID) -> None:
    db.session.execute(
        delete(RefreshToken).where(
            RefreshToken.session_id == session_id, RefreshToken.used_at <= func.now() - RACE
        )
    )


def _used_a_moment_ago(claims: Claims) -> bool:
    used = select(RefreshToken.jti).where(
        RefreshToken.jti == claims.jti, RefreshToken.used_at > func.now() - RACE
    )
    return db.session.scalar(used) is not None


def _issue(user_id: int, session_id: UUID) -> Tokens:
    """Tokens for this session, the refresh token on record."""
    jti = uuid4()
    db.session.execute(insert(RefreshToken).values(jti=jti, session_id=session_id))
    return tokens.sign(user_id, session_id, jti)


def _expiry(opened: SQLColumnExpression[datetime]) -> ColumnElement[datetime]:
    """When a session that is used now runs out: by idleness, or because it has lasted long enough.

    :param opened: when it began.
    """
    idle = timedelta(seconds=current_app.config["JWT_REFRESH_TOKEN_EXPIRES"])
    longest = timedelta(seconds=current_app.config["SESSION_LIFETIME"])
    return func.least(func.now() + idle, opened + longest)
