"""Referrals: a person joins the owner of a code, and the owner sees whom they brought."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, literal, select
from sqlalchemy.exc import IntegrityError

from app import metrics
from app.cache import LONGEST_SECONDS
from app.database import rows, transaction, violated_constraint
from app.emails import Kind
from app.errors import (
    AlreadyReferred,
    NotFound,
    Problem,
    ReferralCodeInvalid,
    ReferrerJoinedLater,
    SelfReferral,
)
from app.extensions import cache, db
from app.models import Code, JoinedBy, Referral, User
from app.models.codes import USABLE, WORDING
from app.models.referrals import ONE_REFERRER, REFERRER_JOINED_FIRST
from app.services import mails
from app.services.paging import Position, beyond, cut

# The first page is remembered at its longest, and cut to what is asked for.
LONGEST_PAGE = 100


@dataclass(frozen=True)
class Person:
    """A person as another is told of them."""

    id: int
    email: str


@dataclass(frozen=True)
class Referred:
    """A person who was brought, and since when."""

    id: int
    email: str
    created_at: datetime


@dataclass(frozen=True)
class ReferralPage:
    """Some of the people somebody brought, newest first, and where the next page begins."""

    referrals: Sequence[Referred]
    next_cursor: Position | None


@dataclass(frozen=True)
class FirstReferralPage(ReferralPage):
    """The newest people somebody brought, and how many in all."""

    total: int


def activate(referee: User, code: str) -> Person:
    """Join the owner of this code, after registration.

    :raises AlreadyReferred, SelfReferral, ReferrerJoinedLater, ReferralCodeInvalid: it cannot be.
    """
    with transaction():
        referrer = redeem(code, referee.id, JoinedBy.ACTIVATION)
    after_joining(referrer, JoinedBy.ACTIVATION)
    return referrer


def redeem(code: str, referee_id: int, joined_by: JoinedBy) -> Person:
    """Write the referral and tell the referrer, in the transaction of the caller; gives them.

    The code is locked until that ends, so a change of it comes wholly before or after. Not with a
    shared lock: joins that follow close upon each other would keep a withdrawal waiting for ever.
    """
    locked = _lock(code)
    # Asked once more, for the code may have run out while others had it locked.
    referral = select(literal(referee_id), Code.user_id, Code.id, literal(joined_by.value)).where(
        Code.id == locked.id, USABLE
    )
    columns = ["referee_id", "referrer_id", "code_id", "joined_by"]
    statement = insert(Referral).from_select(columns, referral).returning(Referral.referee_id)
    try:
        joined = db.session.scalar(statement)
    except IntegrityError as error:
        raise _refusal(error, locked.user_id == referee_id) from error
    if joined is None:
        raise ReferralCodeInvalid
    mails.put(Kind.JOINED, referee_id=referee_id)
    return Person(locked.user_id, locked.email)


def after_joining(referrer: Person, joined_by: JoinedBy) -> None:
    """Let the referrer see it at once; the transaction it happened in is committed."""
    cache.forget(_key(referrer.id))
    metrics.joins.labels(how=joined_by.value).inc()


def list_for(
    reader: User, referrer_id: int, limit: int, cursor: Position | None = None
) -> ReferralPage:
    """Whom this referrer brought, for themselves and for admins.

    :raises NotFound: it is none of the reader's business, or there is no such person.
    """
    if reader.id != referrer_id and not (reader.is_admin and _exists(referrer_id)):
        raise NotFound
    return list_of(referrer_id, limit, cursor)


def list_of(referrer_id: int, limit: int, cursor: Position | None = None) -> ReferralPage:
    """Whom this referrer brought, newest first."""
    if cursor is None:
        return first_page(referrer_id, limit)
    found = rows(_newest_first(referrer_id, limit + 1, cursor), may_lag=True)
    page, next_cursor = cut([Referred(row.id, row.email, row.created_at) for row in found], limit)
    return ReferralPage(page, next_cursor)


def first_page(referrer_id: int, limit: int) -> FirstReferralPage:
    """The newest of those this referrer brought."""
    copy, _ = cache.remember(
        _key(referrer_id), lambda may_lag: _read_first_page(referrer_id, may_lag)
    )
    referrals = [
        Referred(id_, email, datetime.fromisoformat(created_at))
        for id_, email, created_at in copy["rows"]
    ]
    page, next_cursor = cut(referrals, limit)
    return FirstReferralPage(page, next_cursor, copy["total"])


def _read_first_page(referrer_id: int, may_lag: bool) -> tuple[Any, float]:
    total = select(func.count()).where(Referral.referrer_id == referrer_id).scalar_subquery()
    page = _newest_first(referrer_id, LONGEST_PAGE + 1).add_columns(total.label("total"))
    found = rows(page, may_lag)
    referrals = [(row.id, row.email, row.created_at.isoformat()) for row in found]
    return {"rows": referrals, "total": found[0].total if found else 0}, LONGEST_SECONDS


def _newest_first(
    referrer_id: int, limit: int, cursor: Position | None = None
) -> Select[int, str, datetime]:
    return (
        select(User.id, User.email, Referral.created_at)
        .join(Referral, Referral.referee_id == User.id)
        .where(
            Referral.referrer_id == referrer_id,
            *beyond(cursor, Referral.created_at, Referral.referee_id),
        )
        .order_by(Referral.created_at.desc(), Referral.referee_id.desc())
        .limit(limit)
    )


def _key(referrer_id: int) -> str:
    return f"referrals:{referrer_id}"


def _exists(user_id: int) -> bool:
    return db.session.scalar(select(User.id).where(User.id == user_id)) is not None


def _lock(code: str) -> Any:
    """A code that can be used, locked: its id, its owner's id and address."""
    if not re.fullmatch(WORDING, code):
        raise ReferralCodeInvalid
    locked = db.session.execute(
        select(Code.id, Code.user_id, User.email)
        .join(User, User.id == Code.user_id)
        .where(Code.code == code.upper(), USABLE)
        .with_for_update(key_share=True, of=Code)
    ).first()
    if locked is None:
        raise ReferralCodeInvalid
    return locked


def _refusal(error: IntegrityError, own_code: bool) -> Problem:
    violated = violated_constraint(error)
    if violated == ONE_REFERRER:
        return AlreadyReferred()
    if violated == REFERRER_JOINED_FIRST:
        return SelfReferral() if own_code else ReferrerJoinedLater()
    raise error
