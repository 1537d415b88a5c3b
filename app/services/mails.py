"""The mails the service sends: to whom, what they say, and by which way they go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.policy import SMTP
from email.utils import make_msgid
from functools import cache
from pathlib import Path
from typing import Any

import idna
from flask import current_app
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from app import metrics
from app.clients import OutsideError
from app.clients.mailbox import Mailbox
from app.clients.smtp import Smtp
from app.emails import Kind, envelope, write
from app.extensions import db
from app.models import Code, Delivery, Referral, User
from app.models.codes import USABLE
from app.queue import SEND_MAILS
from app.services import outbox
from app.services.mailed_tokens import Claim, Purpose
from app.services.outbox import Moot

PAGES = {
    Purpose.RESET_PASSWORD: ("PASSWORD_RESET_URL", "/reset-password"),
    Purpose.VERIFY_EMAIL: ("EMAIL_VERIFY_URL", "/verify-email"),
}


@dataclass(frozen=True)
class Mail:
    """What is to be said, to whom, in their language."""

    recipient: str
    language: str
    facts: Mapping[str, Any]


def put(kind: Kind, **payload: Any) -> None:
    """Owe this mail, in the transaction of the caller.

    Its Message-ID is chosen here, once, so that a receiver can tell a second copy.
    """
    message_id = make_msgid(domain=_domain_of(current_app.config["MAIL_DEFAULT_SENDER"]))
    outbox.put(kind, SEND_MAILS, message_id=message_id, **payload)


def send_due() -> None:
    """Send the mails that are due."""
    outbox.deliver_due(list(Kind), _send, _count)


def _send(delivery: Delivery) -> None:
    """:raises OutsideError: it was not taken.
    :raises Moot: there is no reason to send it any more.
    """
    mail = FACTS[Kind(delivery.kind)](delivery)
    message = envelope(
        write(Kind(delivery.kind), mail.language, **mail.facts),
        sender=current_app.config["MAIL_DEFAULT_SENDER"],
        recipient=mail.recipient,
        message_id=delivery.payload["message_id"],
        date=delivery.created_at,
    )
    _carrier().send(message)


def _count(kind: str, outcome: str) -> None:
    metrics.mails.labels(kind=kind, outcome="sent" if outcome == outbox.DONE else outcome).inc()


def _carrier() -> Smtp | Mailbox:
    config = current_app.config
    if config["MAILBOX"]:
        return Mailbox(Path(config["MAILBOX"]))
    if not config["MAIL_SERVER"]:
        raise OutsideError("no MAIL_SERVER")
    names = ("SERVER", "PORT", "USE_TLS", "USE_SSL", "USERNAME", "PASSWORD")
    return Smtp(*(config[f"MAIL_{name}"] for name in names))


@cache
def _domain_of(sender: str) -> str:
    _, header = SMTP.header_store_parse("From", sender)
    domain: str = header.addresses[0].domain
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")


def _joined(delivery: Delivery) -> Mail:
    referrer, referee = aliased(User), aliased(User)
    row = db.session.execute(
        select(referrer.email, referrer.language, referee.email, Code.code, Referral.created_at)
        .join(referrer, referrer.id == Referral.referrer_id)
        .join(referee, referee.id == Referral.referee_id)
        .join(Code, Code.id == Referral.code_id)
        .where(Referral.referee_id == delivery.payload["referee_id"])
    ).one()
    recipient, language, email, code, joined_at = row
    return Mail(recipient, language, {"email": email, "code": code, "joined_at": joined_at})


def _referral_code(delivery: Delivery) -> Mail:
    row = db.session.execute(
        select(User.email, User.language, Code.code, Code.expires_at)
        .join(Code, Code.user_id == User.id)
        .where(User.id == delivery.payload["user_id"], USABLE)
    ).first()
    if row is None:
        raise Moot("no_code")
    return Mail(row.email, row.language, {"code": row.code, "expires_at": row.expires_at})


def _verify_email(delivery: Delivery) -> Mail:
    user = _user(User.id == delivery.payload["user_id"])
    if user is None:
        raise Moot("no_account")
    if user.email_verified_at is not None:
        raise Moot("verified")
    return _mail_with_link(user, Purpose.VERIFY_EMAIL, delivery.created_at)


def _reset_password(delivery: Delivery) -> Mail:
    user = _user(User.email == delivery.payload["email"])
    if user is None:
        raise Moot("no_account")
    if user.password_changed_at >= delivery.created_at:
        raise Moot("password_changed")
    return _mail_with_link(user, Purpose.RESET_PASSWORD, delivery.created_at)


def _password_changed(delivery: Delivery) -> Mail:
    user = _user(User.id == delivery.payload["user_id"])
    if user is None:
        raise Moot("no_account")
    return Mail(user.email, user.language, {"changed_at": delivery.created_at})


FACTS: Mapping[Kind, Callable[[Delivery], Mail]] = {
    Kind.JOINED: _joined,
    Kind.REFERRAL_CODE: _referral_code,
    Kind.VERIFY_EMAIL: _verify_email,
    Kind.RESET_PASSWORD: _reset_password,
    Kind.PASSWORD_CHANGED: _password_changed,
}


def _user(which: ColumnElement[bool]) -> Any:
    """What mails need of this person, as it is now; None where there is none."""
    return db.session.execute(
        select(
            User.id,
            User.email,
            User.language,
            User.email_verified_at,
            User.password_changed_at,
        ).where(which)
    ).first()


def _mail_with_link(user: Any, purpose: Purpose, asked_at: datetime) -> Mail:
    claim = Claim(purpose, user.id, asked_at)
    if not db.session.scalar(select(claim.holds())):
        raise Moot("expired")
    return Mail(user.email, user.language, {"link": f"{_page(purpose)}#token={claim.token()}"})


def _page(purpose: Purpose) -> str:
    """Where people are led, never by what a request calls this host."""
    setting, path = PAGES[purpose]
    page: str = current_app.config[setting]
    public: str = current_app.config["PUBLIC_URL"]
    return page or public.rstrip("/") + path
