"""Finding a person's active code by their e-mail address, without signing in."""

from collections.abc import Callable
from hashlib import sha256

from flask import current_app
from sqlalchemy import Double, bindparam, cast, func, select

from app import metrics
from app.cache import LONGEST_SECONDS
from app.database import read
from app.errors import ReferralCodeNotFound
from app.extensions import cache
from app.json import written
from app.models import Code, User
from app.models.codes import USABLE

_remaining = func.extract("epoch", Code.expires_at - func.now())
PUBLISHED = (
    select(Code.code, Code.expires_at, cast(_remaining, Double).label("seconds"))
    .join(User, User.id == Code.user_id)
    .where(User.email == bindparam("email"), USABLE)
)
PUBLISHED_AND_VERIFIED = PUBLISHED.where(User.email_verified_at.is_not(None))


NOTHING = b"null"


def find(email: str, admit: Callable[[], None]) -> bytes:
    """The active code of whoever has this address, and when it ends, in JSON.

    :param admit: refuses those who ask too often. It is called when Redis has been asked, for both
        take one round trip together.
    :raises ReferralCodeNotFound: one answer for no account, no code, one that has ended, and an
        address that is not verified where it has to be.
    """

    def read_truth(may_lag: bool) -> tuple[bytes, float]:
        admit()
        return _read(email, may_lag)

    found, from_copy = cache.remember(_key(email), read_truth)
    admit()
    if found == NOTHING:
        metrics.looked_up("none").inc()
        raise ReferralCodeNotFound
    metrics.looked_up("hit" if from_copy else "miss").inc()
    return found


def forget(email: str) -> None:
    """The codes of whoever has this address have changed, and the change is committed."""
    cache.forget(_key(email))


def _key(email: str) -> str:
    return "lookup:" + sha256(email.encode()).hexdigest()


def _read(email: str, may_lag: bool) -> tuple[bytes, float]:
    statement = (
        PUBLISHED_AND_VERIFIED if current_app.config["REQUIRE_VERIFIED_EMAIL"] else PUBLISHED
    )
    found = read(statement, {"email": email}, may_lag)
    if not found:
        return NOTHING, LONGEST_SECONDS
    code, expires_at, seconds = found[0]
    return written({"code": code, "expires_at": expires_at}), seconds
