"""Referrals: a person joins the owner of a code, and the owner sees whom they brought."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import IntegrityError

from app import metrics
from app.database import read, rfc3339, transaction, violated_constraint
from app.emails import Kind
from app.errors import (
    AlreadyReferred,
    NotFound,
    Problem,
    ReferralCodeInvalid,
    ReferrerJoinedLater,
    SelfReferral,
    TokenRevoked,
)
from app.extensions import db
from app.models import Code, JoinedBy, Referral, ReferralCount, Session, User
from app.models.codes import USABLE, WORDING
from app.models.referrals import ONE_REFERRER, REFERRER_JOINED_FIRST
from app.services import mails
from app.services.paging import Position, beyond, position
from app.services.sessions import LIVES, Account
from app.services.tokens import Claims

# Between one person and the next; within JSON no line ends but where its writer ends it.
END_OF_LINE = ",\n"


def _newest(*which: ColumnElement[bool]) -> ColumnElement[str]:
    """The newest `rows` of those whom `user_id` brought, as a list in JSON, one a line.

    PostgreSQL writes it: to read a hundred rows from it and write them again took half of the time.
    """
    brought = (
        select(Referral.referee_id, Referral.created_at)
        .where(Referral.referrer_id == bindparam("user_id"), *which)
        .order_by(Referral.created_at.desc(), Referral.referee_id.desc())
        .limit(bindparam("rows"))
        .subquery()
    )
    person = (
        select(User.id, User.email, rfc3339(brought.c.created_at).label("created_at"))
        .join(brought, brought.c.referee_id == User.id)
        .order_by(brought.c.created_at.desc(), brought.c.referee_id.desc())
        .subquery()
    )
    line = cast(func.row_to_json(person.table_valued()), Text)
    lines = select(func.string_agg(line, END_OF_LINE)).scalar_subquery()
    return func.concat("[", lines, "]", type_=Text)


NEWEST = _newest()
BEYOND = _newest(beyond(Referral.created_at, Referral.referee_id))
TOTAL = func.coalesce(
    select(ReferralCount.total)
    .where(ReferralCount.referrer_id == bindparam("user_id"))
    .scalar_subquery(),
    0,
)

# How a first page is read, and how a further one: a row for whoever is there.
Pages = tuple[Select[str, int], Select[str, int]]
_TOTAL = TOTAL.label("total")
_FIRST, _FURTHER = select(NEWEST.label("people"), _TOTAL), select(BEYOND.label("people"), _TOTAL)
OWN: Pages = (
    _FIRST.select_from(Session).where(LIVES),
    _FURTHER.select_from(Session).where(LIVES),
)
IS_THERE = User.id == bindparam("user_id")
ANYBODYS: Pages = (
    _FIRST.select_from(User).where(IS_THERE),
    _FURTHER.select_from(User).where(IS_THERE),
)


@dataclass(frozen=True)
class Person:
    """A person as another is told of them."""

    id: int
    email: str


@dataclass(frozen=True)
class ReferralPage:
    """Some of the people somebody brought, newest first, as JSON, and where the next begins.

    The first page knows how many there are in all.
    """

    referrals: str
    next_cursor: Position | None
    total: int | None


def activate(referee: Account, code: str) -> Person:
    """Join the owner of this code, after registration.

    :raises AlreadyReferred, SelfReferral, ReferrerJoinedLater, ReferralCodeInvalid: it cannot be.
    """
    with transaction():
        referrer = redeem(code, referee.id, JoinedBy.ACTIVATION)
    metrics.joins.labels(JoinedBy.ACTIVATION).inc()
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


def list_own(claims: Claims, limit: int, cursor: Position | None = None) -> ReferralPage:
    """Whom the bearer of this token brought, newest first; one statement.

    :raises TokenRevoked: the session has ended.
    """
    page = _read(OWN, claims.session, limit, cursor)
    if page is None:
        raise TokenRevoked
    return page


def list_for(
    reader: Account, referrer_id: int, limit: int, cursor: Position | None = None
) -> ReferralPage:
    """Whom this referrer brought, for themselves and for admins.

    :raises NotFound: it is none of the reader's business, or there is no such person.
    """
    page = None
    if reader.id == referrer_id or reader.is_admin:
        page = _read(ANYBODYS, {"user_id": referrer_id}, limit, cursor)
    if page is None:
        raise NotFound
    return page


def _read(
    pages: Pages, whose: dict[str, Any], limit: int, cursor: Position | None
) -> ReferralPage | None:
    """This page; None where there is nobody whose it could be."""
    first, further = pages
    asked = whose | {"rows": limit + 1}
    found = read(further, asked | position(cursor)) if cursor else read(first, asked)
    if not found:
        return None
    page, next_cursor = _cut(found[0].people, limit)
    return ReferralPage(page, next_cursor, None if cursor else found[0].total)


def _cut(people: str, limit: int) -> tuple[str, Position | None]:
    """The people of a page out of one more than it may hold, and where the next one begins."""
    if people.count("\n") < limit:
        return people, None
    end = people.rfind(END_OF_LINE)
    last = orjson.loads(people[people.rfind("\n", 0, end) + 1 : end].lstrip("["))
    return people[:end] + "]", (datetime.fromisoformat(last["created_at"]), last["id"])


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
