"""Finding a person's active code by their e-mail address, without signing in."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, func, select

from app import metrics
from app.cache import LONGEST_SECONDS
from app.database import rows
from app.errors import ReferralCodeNotFound
from app.extensions import cache
from app.models import Code, User
from app.models.codes import USABLE


@dataclass(frozen=True)
class PublishedCode:
    """What a stranger is told of a code."""

    code: str
    expires_at: datetime


def find(email: str) -> PublishedCode:
    """The active code of whoever has this address.

    :raises ReferralCodeNotFound: one answer for no account, no code, one that has ended, and an
        address that is not verified where it has to be.
    """
    found, from_copy = cache.remember(_key(email), lambda may_lag: _read(email, may_lag))
    if found is None:
        metrics.lookups.labels(result="none").inc()
        raise ReferralCodeNotFound
    metrics.lookups.labels(result="hit" if from_copy else "miss").inc()
    return PublishedCode(found["code"], datetime.fromisoformat(found["expires_at"]))


def forget(email: str) -> None:
    """The codes of whoever has this address have changed, and the change is committed."""
    cache.forget(_key(email))


def _may_be_found() -> list[ColumnElement[bool]]:
    if current_app.config["REQUIRE_VERIFIED_EMAIL"]:
        return [User.email_verified_at.is_not(None)]
    return []


def _key(email: str) -> str:
    return "lookup:" + sha256(email.encode()).hexdigest()


def _read(email: str, may_lag: bool) -> tuple[Any, float]:
    remaining = func.extract("epoch", Code.expires_at - func.now())
    found = rows(
        select(Code.code, Code.expires_at, remaining.label("seconds"))
        .join(User, User.id == Code.user_id)
        .where(User.email == email, USABLE, *_may_be_found()),
        may_lag,
    )
    if not found:
        return None, LONGEST_SECONDS
    row = found[0]
    return {"code": row.code, "expires_at": row.expires_at.isoformat()}, float(row.seconds)
