"""Wrong passwords: counted in PostgreSQL, and met with short delays that grow.

A delay rather than a lock, for a stranger could impose a lock on anybody. What is counted is the
address as it was submitted, so that nobody learns whether it has an account.
"""

from datetime import timedelta
from hashlib import sha256

from flask import current_app
from sqlalchemy import ColumnElement, Interval, bindparam, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.database import read, transaction
from app.errors import TooManyAttempts
from app.extensions import db
from app.models import FailedAttempts

FREE = 5
LONGEST_SECONDS = 60
FORGOTTEN_AFTER = timedelta(minutes=15)
SWEPT_AT_ONCE = 10

DELAY = select(
    func.ceil(func.extract("epoch", FailedAttempts.retry_at - func.now())).label("seconds")
).where(FailedAttempts.subject == bindparam("subject"), FailedAttempts.retry_at > func.now())


def subject_of_login(email: str) -> bytes:
    return sha256(f"login:{email}".encode()).digest()


def subject_of_user(user_id: int) -> bytes:
    """Apart from the log-in's, so that failed log-ins do not hold up a person who is signed in."""
    return sha256(f"user:{user_id}".encode()).digest()


def refuse_if_too_many(subject: bytes) -> None:
    """:raises TooManyAttempts: while the delay after the last wrong password runs."""
    if not current_app.config["RATELIMIT_ENABLED"]:
        return
    delays = read(DELAY, {"subject": subject})
    if delays:
        raise TooManyAttempts(retry_after=int(delays[0].seconds))


def record_failure(subject: bytes) -> None:
    """Count one more: the first few are free, then 1 s, 2 s, 4 s and so on up to a minute.

    :raises TooManyAttempts: a delay has begun meanwhile; of many guesses sent at once no more are
        answered than of as many sent in a row.
    """
    # A delay that began while this one waited for others may have ended as well.
    while current_app.config["RATELIMIT_ENABLED"] and not _count(subject):
        refuse_if_too_many(subject)


def record_success(subject: bytes) -> None:
    """Start counting afresh, in the transaction of the caller.

    :raises TooManyAttempts: a delay has begun meanwhile.
    """
    refuse_if_too_many(subject)
    forget(subject)


def forget(subject: bytes) -> None:
    """Start counting afresh, in the transaction of the caller, whatever delay there is."""
    db.session.execute(delete(FailedAttempts).where(FailedAttempts.subject == subject))


def _count(subject: bytes) -> bool:
    """Count one more, unless there was a delay when this began."""
    failed = FailedAttempts
    count = case((failed.last_at < func.now() - FORGOTTEN_AFTER, 1), else_=failed.count + 1)
    first = {"count": 1, "last_at": func.now(), "retry_at": func.now()}
    further = {"count": count, "last_at": func.now(), "retry_at": func.now() + _delay(count)}
    with transaction():
        counted = db.session.scalar(
            insert(failed)
            .values(subject=subject, **first)
            .on_conflict_do_update(
                index_elements=[failed.subject], set_=further, where=failed.retry_at <= func.now()
            )
            .returning(failed.count)
        )
        _sweep(subject)
    return counted is not None


def _delay(count: ColumnElement[int]) -> ColumnElement[timedelta]:
    doublings = func.least(count - FREE, 20)
    seconds = case((doublings < 0, 0), else_=func.least(func.power(2, doublings), LONGEST_SECONDS))
    return seconds * literal(timedelta(seconds=1), Interval)


def _sweep(subject: bytes) -> None:
    """Drop a few subjects long quiet; more than come in, so the table stays small by itself."""
    quiet = (
        select(FailedAttempts.subject)
        .where(
            FailedAttempts.last_at < func.now() - FORGOTTEN_AFTER,
            FailedAttempts.subject != subject,
        )
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    db.session.execute(delete(FailedAttempts).where(FailedAttempts.subject.in_(quiet)))
