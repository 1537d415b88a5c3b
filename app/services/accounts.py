"""Accounts: made, entered, described, and given another password."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import aliased

from app import metrics
from app.database import transaction
from app.emails import Kind
from app.errors import EmailTaken, InvalidCredentials, NotFound, TooManyAttempts, WrongPassword
from app.extensions import db
from app.models import JoinedBy, Referral, User
from app.models.users import UNIQUE_EMAIL
from app.services import (
    attempts,
    codes,
    enrichment,
    mails,
    passwords,
    referrals,
    screening,
    sessions,
)
from app.services.referrals import Person, Referred
from app.services.sessions import Caller, Tokens

REFERRALS_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class SignedIn(Tokens):
    """A session just opened, and whose it is."""

    user: User


@dataclass(frozen=True)
class Me:
    """Everything a person is shown about themselves."""

    id: int
    email: str
    email_verified: bool
    created_at: datetime
    referrer: Person | None
    referral_code: Any
    referrals: Sequence[Referred]
    referrals_count: int
    profile: Any


def register(
    email: str, password: str, referral_code: str | None = None, language: str = "en"
) -> SignedIn:
    """Make an account and log it in, joining the owner of the referral code if one is given.

    :param language: in which the person wants their mails, one of `app.emails.LANGUAGES`.
    :raises EmailRejected: no mail can reach this address, or not for long.
    :raises EmailTaken: there is an account with this address.
    :raises ReferralCodeInvalid: the code cannot be used; no account is made.
    """
    screening.screen(email)
    user = User(email=email, password_hash=passwords.hash_password(password), language=language)
    referrer = None
    with transaction({UNIQUE_EMAIL: EmailTaken}):
        db.session.add(user)
        db.session.flush()
        tokens = sessions.open_session(user.id)
        mails.put(Kind.VERIFY_EMAIL, user_id=user.id)
        enrichment.request(user.id)
        # Last, for it locks the code against others who join with it.
        if referral_code is not None:
            referrer = referrals.redeem(referral_code, user.id, JoinedBy.REGISTRATION)
    metrics.registrations.labels(with_code=str(referrer is not None).lower()).inc()
    if referrer:
        referrals.after_joining(referrer, JoinedBy.REGISTRATION)
    return SignedIn(user=user, **asdict(tokens))


def log_in(email: str, password: str) -> SignedIn:
    """Open a session for whoever knows the password.

    :raises InvalidCredentials: nobody has this address, or the password is wrong.
    :raises TooManyAttempts: wrong passwords were tried too often; wait.
    """
    try:
        signed_in = _log_in(email, password)
    except (InvalidCredentials, TooManyAttempts) as refusal:
        metrics.logins.labels(outcome=refusal.code).inc()
        raise
    metrics.logins.labels(outcome="success").inc()
    return signed_in


def change_password(caller: Caller, current_password: str, new_password: str) -> None:
    """Replace the password and end every session but the caller's own.

    :raises WrongPassword: the current password is another.
    :raises TooManyAttempts: wrong passwords were tried too often; wait.
    """
    subject = attempts.subject_of_user(caller.user.id)
    attempts.refuse_if_too_many(subject)
    _release_connection()
    if not passwords.matches(caller.user.password_hash, current_password):
        attempts.record_failure(subject)
        raise WrongPassword
    new_hash = passwords.hash_password(new_password)
    with transaction():
        _replace_password(caller.user, new_hash)
        sessions.end_others(caller.user.id, keep=caller.session_id)
        attempts.record_success(subject)
        mails.put(Kind.PASSWORD_CHANGED, user_id=caller.user.id)


def describe(caller: Caller) -> Me:
    """What a person is shown about themselves."""
    user = caller.user
    newest = referrals.first_page(user.id, REFERRALS_SHOWN)
    profile, referrer = _profile_and_referrer(user.id)
    return Me(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        created_at=user.created_at,
        referrer=referrer,
        referral_code=codes.find_active(user.id),
        referrals=newest.referrals,
        referrals_count=newest.total,
        profile=profile,
    )


def promote(email: str) -> None:
    """Make an admin of this person.

    :raises NotFound: nobody has this address.
    """
    with transaction():
        promoted = db.session.scalar(
            update(User).where(User.email == email).values(is_admin=True).returning(User.id)
        )
        if promoted is None:
            raise NotFound


def _profile_and_referrer(user_id: int) -> tuple[Any, Person | None]:
    referrer = aliased(User)
    profile, *person = db.session.execute(
        select(User.profile, referrer.id, referrer.email)
        .outerjoin(Referral, Referral.referee_id == User.id)
        .outerjoin(referrer, referrer.id == Referral.referrer_id)
        .where(User.id == user_id)
    ).one()
    return profile, Person(*person) if person[0] else None


def _log_in(email: str, password: str) -> SignedIn:
    subject = attempts.subject_of_login(email)
    attempts.refuse_if_too_many(subject)
    user = db.session.scalar(select(User).where(User.email == email))
    _release_connection()
    if not passwords.matches(user.password_hash if user else None, password) or not user:
        attempts.record_failure(subject)
        raise InvalidCredentials
    with transaction():
        _lock_password(user)
        sessions.drop_expired(user.id)
        attempts.record_success(subject)
        return SignedIn(user=user, **asdict(sessions.open_session(user.id)))


def _release_connection() -> None:
    # Hashing takes longer than all statements together; nobody should wait for a connection then.
    db.session.close()


def _lock_password(user: User) -> None:
    """Hold off a change of the password until the session it was checked for is there to end.

    :raises InvalidCredentials: it was changed since it was checked.
    """
    unchanged = select(User.id).where(User.id == user.id, User.password_hash == user.password_hash)
    if db.session.scalar(unchanged.with_for_update(key_share=True)) is None:
        raise InvalidCredentials


def _replace_password(user: User, new_hash: str) -> None:
    """:raises WrongPassword: somebody else replaced it since it was checked."""
    replaced = db.session.scalar(
        update(User)
        .where(User.id == user.id, User.password_hash == user.password_hash)
        .values(password_hash=new_hash, password_changed_at=func.clock_timestamp())
        .returning(User.id)
    )
    if replaced is None:
        raise WrongPassword
