"""A new password for somebody who has forgotten theirs."""

from sqlalchemy import func, update

from app.database import transaction
from app.emails import Kind
from app.errors import MailedTokenInvalid
from app.extensions import db
from app.models import User
from app.services import attempts, mailed_tokens, mails, passwords, sessions
from app.services.mailed_tokens import Purpose


def request(email: str) -> None:
    """Mail a link to this address if it has an account.

    Whether it has is found out when the mail is to be sent, so that nobody learns it from the time
    this takes.
    """
    with transaction():
        mails.put(Kind.RESET_PASSWORD, email=email)


def confirm(token: str, new_password: str) -> None:
    """Replace the password and end every session.

    :raises MailedTokenInvalid: the token is not one of ours, has run out, or was asked for before
        the password was last changed, by itself for one.
    """
    claim = mailed_tokens.read(Purpose.RESET_PASSWORD, token)
    new_hash = passwords.hash_password(new_password)
    with transaction():
        person = db.session.execute(
            update(User)
            .where(
                User.id == claim.user_id, User.password_changed_at < claim.asked_at, claim.holds()
            )
            .values(
                password_hash=new_hash,
                # Once is once, even if the database's clock has been set back meanwhile.
                password_changed_at=func.greatest(func.clock_timestamp(), claim.asked_at),
            )
            .returning(User.id, User.email)
        ).first()
        if person is None:
            raise MailedTokenInvalid
        sessions.end_all(person.id)
        attempts.forget(attempts.subject_of_login(person.email))
        mails.put(Kind.PASSWORD_CHANGED, user_id=person.id)
