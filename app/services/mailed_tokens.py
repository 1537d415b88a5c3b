"""The tokens in mailed links: for one purpose, once, and for a while.

A token is the person, the moment it was asked for, and a signature with a key of its purpose. It
is made when the mail is sent and kept nowhere; so nobody who reads the database can use one. That
each works once is for the purpose to see to: using it changes what is compared with the moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import ColumnElement, func, literal

from app.errors import MailedTokenInvalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Purpose(Enum):
    """What a token is good for, and for how long."""

    RESET_PASSWORD = timedelta(hours=1)
    VERIFY_EMAIL = timedelta(days=1)


@dataclass(frozen=True)
class Claim:
    """What a token says: who asked for it, and when."""

    purpose: Purpose
    user_id: int
    asked_at: datetime

    def token(self) -> str:
        """The token that says so."""
        return _serializer(self.purpose).dumps(
            [self.user_id, (self.asked_at - EPOCH) // MICROSECOND]
        )

    def holds(self) -> ColumnElement[bool]:
        """Whether it has not run out, by the database's clock."""
        return literal(self.asked_at + self.purpose.value) > func.clock_timestamp()


def read(purpose: Purpose, token: str) -> Claim:
    """What a token for this purpose says.

    :raises MailedTokenInvalid: it was not signed here for this purpose.
    """
    try:
        user_id, microseconds = _serializer(purpose).loads(token)
    except BadData:
        raise MailedTokenInvalid from None
    return Claim(purpose, user_id, EPOCH + microseconds * MICROSECOND)


def _serializer(purpose: Purpose) -> URLSafeSerializer:
    return URLSafeSerializer(
        current_app.config["SECRET_KEY"],
        salt=f"mailed-token:{purpose.name}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
    )
