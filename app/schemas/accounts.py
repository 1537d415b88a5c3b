"""Accounts, as they come in and go out."""

from marshmallow import fields

from app.schemas.base import (
    CREATED,
    Email,
    Input,
    NewPassword,
    Plain,
    Text,
    Timestamp,
    WrittenObject,
    WrittenShape,
)
from app.schemas.codes import CODE, CodeOut
from app.schemas.referrals import PersonOut, ReferralOut
from app.schemas.sessions import TokensOut

EMAIL = {"example": "grace@example.com"}
MAILED_TOKEN = {
    "description": "What stands after `#token=` in the mailed link",
    "example": "WzQyLDE3OTU0MjcyMDAwMDAwMDBd.c2lnbmF0dXJl",
}
PASSWORD = {"example": "correct horse battery", "format": "password"}


class Registration(Input):
    not_in_example = frozenset({"referral_code"})

    email = Email(required=True, metadata=EMAIL)
    password = NewPassword(required=True, metadata=PASSWORD)
    # Whatever is wrong with a code is found where codes are read, and answered alike.
    referral_code = fields.String(
        metadata=CODE | {"description": "The code of whoever brought you"}
    )


class Credentials(Input):
    email = Email(required=True, metadata=EMAIL)
    password = fields.String(required=True, metadata=PASSWORD)


class PasswordChange(Input):
    current_password = fields.String(required=True, metadata=PASSWORD)
    new_password = NewPassword(required=True, metadata=PASSWORD | {"example": "staple battery 9"})


class ResetRequest(Input):
    email = Email(required=True, metadata=EMAIL)


class Reset(Input):
    token = Text(required=True, metadata=MAILED_TOKEN)
    new_password = NewPassword(required=True, metadata=PASSWORD | {"example": "staple battery 9"})


class Verification(Input):
    token = Text(required=True, metadata=MAILED_TOKEN)


class UserOut(Plain):
    id = fields.Integer(required=True, metadata={"example": 42})
    email = fields.String(required=True, metadata=EMAIL)
    email_verified = fields.Boolean(required=True)
    created_at = Timestamp(required=True, metadata=CREATED)


class SignedInOut(TokensOut):
    user = fields.Nested(UserOut, required=True)


class MeOut(UserOut):
    referrer = WrittenShape(
        PersonOut, required=True, allow_none=True, metadata={"description": "Who brought you"}
    )
    referral_code = WrittenShape(
        CodeOut, required=True, allow_none=True, metadata={"description": "Your active code"}
    )
    referrals = WrittenShape(
        ReferralOut(many=True),
        required=True,
        metadata={"description": "The newest 50 of those you brought"},
    )
    referrals_count = fields.Integer(required=True, metadata={"example": 1})
    profile = WrittenObject(
        required=True,
        allow_none=True,
        dump_default=None,
        metadata={"description": "What an enrichment service knows of you", "example": None},
    )
