"""Verifying that an e-mail address belongs to whoever registered with it."""

from sqlalchemy import func, update

from app.database import transaction
from app.emails import Kind
from app.errors import MailedTokenInvalid
from app.extensions import db
from app.models import User
from app.services import lookup, mailed_tokens, mails
from app.services.mailed_tokens import Purpose
from app.services.sessions import Account


def request(user: Account) -> None:
    """Mail a link to the address of this person, unless it is verified already."""
    if user.email_verified:
        return
    with transaction():
        mails.put(Kind.VERIFY_EMAIL, user_id=user.id)


def confirm(token: str) -> None:
    """Take the address as verified.

    :raises MailedTokenInvalid: the token is not one of ours, has run out, or was used.
    """
    claim = mailed_tokens.read(Purpose.VERIFY_EMAIL, token)
    email = None
    try:
        with transaction():
            email = db.session.scalar(
                update(User)
                .where(User.id == claim.user_id, User.email_verified_at.is_(None), claim.holds())
                .values(email_verified_at=func.now())
                .returning(User.email)
            )
            if email is None:
                raise MailedTokenInvalid
    finally:
        # Where only the verified are found by e-mail, this one is from now on; perhaps also where
        # the answer to the commit was lost.
        if email is not None:
            lookup.forget(email)
