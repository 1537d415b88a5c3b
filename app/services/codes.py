"""Referral codes: published, changed and withdrawn by their owners.

Whoever changes a code locks its owner's row first, so that the changes of one person take turns
and the last one stands; that at most one code is activated is for the database to enforce.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, and_, bindparam, func, literal, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.types import Interval

from app.database import json_object, read, rfc3339, transaction
from app.emails import Kind
from app.errors import (
    CodeExpired,
    CodeTaken,
    EmailNotVerified,
    Invalid,
    NoActiveCode,
    NotFound,
    Problem,
)
from app.extensions import db
from app.models import Code, User
from app.models.codes import USABLE
from app.services import lookup, mails
from app.services.paging import Position, beyond, cut, position
from app.services.sessions import Account

LENGTH = 8
# Without what is taken for each other when read aloud or written by hand:
# 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
ALPHABET = "ACDEFGHJKMNPQRTWXY34679"

# Not when the transaction began: since then it may have waited for the owner's row.
NOW = func.clock_timestamp()
SHAPE = (Code.id, Code.code, USABLE.label("is_active"), Code.expires_at, Code.created_at)
AS_JSON = json_object(
    id=Code.id,
    code=Code.code,
    is_active=USABLE,
    expires_at=rfc3339(Code.expires_at),
    created_at=rfc3339(Code.created_at),
)
OWN = select(*SHAPE).where(Code.user_id == bindparam("owner_id"))
ACTIVE = OWN.where(USABLE)
NEWEST_FIRST = (
    OWN.where(Code.deleted_at.is_(None))
    .order_by(Code.created_at.desc(), Code.id.desc())
    .limit(bindparam("rows"))
)
FURTHER = NEWEST_FIRST.where(beyond(Code.created_at, Code.id))


@dataclass(frozen=True)
class CodePage:
    """Some of a person's codes, newest first, and where the next page begins."""

    codes: Sequence[Any]
    next_cursor: Position | None


@dataclass(frozen=True)
class Clock:
    """The database's now, and the furthest expiry it allows."""

    now: datetime
    furthest: datetime

    def expiry(self, expires_at: datetime | None, lifetime_minutes: int | None) -> datetime:
        """The moment either form of a lifetime means.

        :raises Invalid: it is past, or over ten years ahead.
        """
        field = "expires_at" if expires_at else "lifetime_minutes"
        moment = expires_at or self.now + timedelta(minutes=lifetime_minutes or 0)
        if moment <= self.now:
            raise Invalid(errors={field: ["Must be in the future."]})
        if moment > self.furthest:
            raise Invalid(errors={field: ["Must not be more than ten years ahead."]})
        return moment


def create(
    owner: Account,
    code: str | None = None,
    expires_at: datetime | None = None,
    lifetime_minutes: int | None = None,
) -> Any:
    """Publish a code in place of the active one.

    One's own earlier wording comes back to life: it is the code it was, with a new expiry.

    :raises EmailNotVerified: only the verified may, and the owner is not.
    :raises CodeTaken: the wording is somebody else's.
    :raises Invalid: the expiry cannot be.
    """
    _refuse_unverified(owner)
    with _changing_codes_of(owner) as clock:
        expiry = clock.expiry(expires_at, lifetime_minutes)
        if code:
            _refuse_if_taken(owner, code)
        _deactivate_all_of(owner)
        return _take(owner, code, expiry) if code else _generate(owner, expiry)


def find_active(owner_id: int) -> Any:
    """The code of this person that can be used now, or None."""
    found = read(ACTIVE, {"owner_id": owner_id})
    return found[0] if found else None


def get_active(owner_id: int) -> Any:
    """:raises NoActiveCode: no code of this person can be used now."""
    active = find_active(owner_id)
    if active is None:
        raise NoActiveCode
    return active


def mail_active(owner: Account) -> None:
    """Mail the active code to its owner.

    :raises NoActiveCode: there is none.
    """
    with transaction():
        get_active(owner.id)
        mails.put(Kind.REFERRAL_CODE, user_id=owner.id)


def change_active(
    owner: Account, expires_at: datetime | None = None, lifetime_minutes: int | None = None
) -> Any:
    """Give the active code another expiry.

    :raises NoActiveCode: there is none.
    :raises Invalid: the expiry cannot be.
    """
    with _changing_codes_of(owner) as clock:
        expiry = clock.expiry(expires_at, lifetime_minutes)
        return _change(USABLE, owner, NoActiveCode, expires_at=expiry)


def withdraw_active(owner: Account) -> None:
    """Deactivate the active code.

    :raises NoActiveCode: there is none.
    """
    with _changing_codes_of(owner):
        _change(USABLE, owner, NoActiveCode, is_activated=False)


def list_own(owner_id: int, limit: int, cursor: Position | None = None) -> CodePage:
    """All codes of this person but deleted ones, newest first."""
    asked = {"owner_id": owner_id, "rows": limit + 1}
    found = read(FURTHER, asked | position(cursor)) if cursor else read(NEWEST_FIRST, asked)
    return CodePage(*cut(found, limit))


def activate(
    owner: Account,
    code_id: int,
    expires_at: datetime | None = None,
    lifetime_minutes: int | None = None,
) -> Any:
    """Let this code be the active one, with a new expiry if one is given.

    :raises EmailNotVerified: only the verified may, and the owner is not.
    :raises NotFound: the person has no such code.
    :raises CodeExpired: it has expired and was given no new expiry.
    :raises Invalid: the expiry cannot be.
    """
    _refuse_unverified(owner)
    with _changing_codes_of(owner) as clock:
        old_expiry = db.session.scalar(
            select(Code.expires_at).where(_kept(code_id), Code.user_id == owner.id)
        )
        if old_expiry is None:
            raise NotFound
        if expires_at or lifetime_minutes:
            expiry = clock.expiry(expires_at, lifetime_minutes)
        elif old_expiry > clock.now:
            expiry = old_expiry
        else:
            raise CodeExpired
        _deactivate_all_of(owner)
        return _change(_kept(code_id), owner, NotFound, is_activated=True, expires_at=expiry)


def deactivate(owner: Account, code_id: int) -> Any:
    """Let this code not be used.

    :raises NotFound: the person has no such code.
    """
    with _changing_codes_of(owner):
        return _change(_kept(code_id), owner, NotFound, is_activated=False)


def delete(owner: Account, code_id: int) -> None:
    """Take this code out of every list; its row stays for the referrals made with it.

    :raises NotFound: the person has no such code.
    """
    with _changing_codes_of(owner):
        _change(_kept(code_id), owner, NotFound, is_activated=False, deleted_at=func.now())


def _refuse_unverified(owner: Account) -> None:
    if current_app.config["REQUIRE_VERIFIED_EMAIL"] and not owner.email_verified:
        raise EmailNotVerified


@contextmanager
def _changing_codes_of(owner: Account) -> Iterator[Clock]:
    try:
        with transaction():
            yield _lock(owner)
    finally:
        # Also where the answer to the commit was lost: the change may stand.
        lookup.forget(owner.email)


def _lock(owner: Account) -> Clock:
    db.session.execute(select(User.id).where(User.id == owner.id).with_for_update(key_share=True))
    ten_years = literal("10 years").cast(Interval)
    return Clock(*db.session.execute(select(NOW, NOW + ten_years)).one())


def _kept(code_id: int) -> ColumnElement[bool]:
    return and_(Code.id == code_id, Code.deleted_at.is_(None))


def _deactivate_all_of(owner: Account) -> None:
    db.session.execute(
        update(Code).where(Code.user_id == owner.id, Code.is_activated).values(is_activated=False)
    )


def _change(
    which: ColumnElement[bool], owner: Account, missing: type[Problem], **values: Any
) -> Any:
    """Change this code of the owner and give it as it is then."""
    changed = db.session.execute(
        update(Code).where(Code.user_id == owner.id, which).values(**values).returning(*SHAPE)
    ).first()
    if changed is None:
        raise missing
    return changed


def _refuse_if_taken(owner: Account, wording: str) -> None:
    """Refuse before any row is locked, lest two who want each other's wording wait in a circle.

    A wording never changes its owner; one that is taken from now on is found by the constraint.
    """
    taken = select(Code.id).where(Code.code == wording.upper(), Code.user_id != owner.id)
    if db.session.scalar(taken) is not None:
        raise CodeTaken


def _take(owner: Account, wording: str, expiry: datetime) -> Any:
    claim = _new(owner, wording.upper(), expiry)
    again = {"is_activated": True, "expires_at": expiry, "deleted_at": None}
    taken = db.session.execute(
        claim.on_conflict_do_update(
            index_elements=[Code.code], set_=again, where=Code.user_id == owner.id
        ).returning(*SHAPE)
    ).first()
    if taken is None:
        raise CodeTaken
    return taken


def _generate(owner: Account, expiry: datetime) -> Any:
    while True:
        wording = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        claim = _new(owner, wording, expiry).on_conflict_do_nothing(index_elements=[Code.code])
        if row := db.session.execute(claim.returning(*SHAPE)).first():
            return row


def _new(owner: Account, wording: str, expiry: datetime) -> Insert:
    return insert(Code).values(
        user_id=owner.id, code=wording, is_activated=True, expires_at=expiry, created_at=NOW
    )
