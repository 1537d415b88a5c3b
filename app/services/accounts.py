"""Accounts: made, entered, described, and given another password."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, select, update
from sqlalchemy.orm import aliased

from app import metrics
from app.database import json_object, read, transaction
from app.emails import Kind
from app.errors import (
    EmailTaken,
    InvalidCredentials,
    NotFound,
    TokenRevoked,
    TooManyAttempts,
    WrongPassword,
)
from app.extensions import db
from app.models import Code, JoinedBy, Referral, Session, User
from app.models.codes import USABLE
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
from app.services.sessions import ACCOUNT, LIVES, Account, Caller
from app.services.tokens import Claims, Tokens

REFERRALS_SHOWN = 50

BY_EMAIL = ACCOUNT.where(User.email == bindparam("email"))

_brought_by = aliased(User)
ME = (
    select(
        User.id,
        User.email,
        User.email_verified_at.is_not(None).label("email_verified"),
        User.created_at,
        case(
            (_brought_by.id.is_not(None), json_object(id=_brought_by.id, email=_brought_by.email))
        ).label("referrer"),
        case((Code.id.is_not(None), codes.AS_JSON)).label("referral_code"),
        referrals.NEWEST.label("referrals"),
        referrals.TOTAL.label("referrals_count"),
        cast(User.profile, Text).label("profile"),
    )
    .select_from(Session)
    .join(User, User.id == Session.user_id)
    .outerjoin(Referral, Referral.referee_id == User.id)
    .outerjoin(_brought_by, _brought_by.id == Referral.referrer_id)
    .outerjoin(Code, and_(Code.user_id == User.id, USABLE))
    .where(LIVES)
)


@dataclass(frozen=True, kw_only=True)
class SignedIn(Tokens):
    """A session just opened, and whose it is."""

    user: User | Account


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
    with transaction({UNIQUE_EMAIL: EmailTaken}):
        db.session.add(user)
        db.session.flush()
        tokens = sessions.open_session(user.id)
        mails.put(Kind.VERIFY_EMAIL, user_id=user.id)
        enrichment.request(user.id)
        # Last, for it locks the code against others who join with it.
        if referral_code is not None:
            referrals.redeem(referral_code, user.id, JoinedBy.REGISTRATION)
    metrics.registrations.labels(with_code=str(referral_code is not None).lower()).inc()
    if referral_code is not None:
        metrics.joins.labels(JoinedBy.REGISTRATION).inc()
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
    if not passwords.matches(caller.user.password_hash, current_password):
        attempts.record_failure(subject)
        raise WrongPassword
    new_hash = passwords.hash_password(new_password)
    with transaction():
        _replace_password(caller.user, new_hash)
        sessions.end_others(caller.user.id, keep=caller.session_id)
        attempts.record_success(subject)
        mails.put(Kind.PASSWORD_CHANGED, user_id=caller.user.id)


def describe(claims: Claims) -> Any:
    """What the bearer of this token is shown about themselves; one statement.

    :raises TokenRevoked: the session has ended.
    """
    found = read(ME, claims.session | {"rows": REFERRALS_SHOWN})
    if not found:
        raise TokenRevoked
    return found[0]


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


def end_sessions(email: str) -> None:
    """End every session of this person.

    :raises NotFound: nobody has this address.
    """
    with transaction():
        user_id = db.session.scalar(select(User.id).where(User.email == email))
        if user_id is None:
            raise NotFound
        sessions.end_all(user_id)


def _log_in(email: str, password: str) -> SignedIn:
    subject = attempts.subject_of_login(email)
    attempts.refuse_if_too_many(subject)
    found = read(BY_EMAIL, {"email": email})
    user = Account(*found[0]) if found else None
    if not passwords.matches(user.password_hash if user else None, password) or not user:
        attempts.record_failure(subject)
        raise InvalidCredentials
    with transaction():
        _lock_password(user)
        sessions.drop_expired(user.id)
        attempts.record_success(subject)
        return SignedIn(user=user, **asdict(sessions.open_session(user.id)))


def _lock_password(user: Account) -> None:
    """Hold off a change of the password until the session it was checked for is there to end.

    :raises InvalidCredentials: it was changed since it was checked.
    """
    unchanged = select(User.id).where(User.id == user.id, User.password_hash == user.password_hash)
    if db.session.scalar(unchanged.with_for_update(key_share=True)) is None:
        raise InvalidCredentials


def _replace_password(user: Account, new_hash: str) -> None:
    """:raises WrongPassword: somebody else replaced it since it was checked."""
    replaced = db.session.scalar(
        update(User)
        .where(User.id == user.id, User.password_hash == user.password_hash)
        .values(password_hash=new_hash, password_changed_at=func.clock_timestamp())
        .returning(User.id)
    )
    if replaced is None:
        raise WrongPassword
