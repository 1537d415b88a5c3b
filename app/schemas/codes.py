"""Referral codes, as they come in and go out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.models.codes import WORDING
from app.schemas.base import CREATED, Email, Input, Lenient, Plain, Text, Timestamp
from app.schemas.paging import NextCursor

MINUTES_IN_TEN_YEARS = 10 * 366 * 24 * 60
CODE = {"example": "K7MPX4QT"}
EXPIRY = {"example": "2030-01-31T12:00:00Z"}


class NewLifetime(Input):
    """An expiry, in one form or the other; neither where one is known already."""

    not_in_example = frozenset({"expires_at"})

    expires_at = Timestamp(
        metadata=EXPIRY
        | {"description": "RFC 3339 with an offset, or a bare date: 00:00 UTC that day"}
    )
    lifetime_minutes = fields.Integer(
        strict=True,
        validate=validate.Range(min=1, max=MINUTES_IN_TEN_YEARS),
        metadata={"description": "Or how long from now", "example": 43_200},
    )

    @validates_schema
    def not_both(self, data: dict[str, Any], **_: Any) -> None:
        if "expires_at" in data and "lifetime_minutes" in data:
            raise ValidationError("Give either expires_at or lifetime_minutes.", "expires_at")


class Lifetime(NewLifetime):
    @validates_schema
    def not_neither(self, data: dict[str, Any], **_: Any) -> None:
        if "expires_at" not in data and "lifetime_minutes" not in data:
            raise ValidationError("Give expires_at or lifetime_minutes.", "expires_at")


class NewCode(Lifetime):
    not_in_example = frozenset({"expires_at", "code"})

    code = Text(
        validate=validate.Regexp(
            rf"{WORDING}\Z", error="Must be 4 to 32 letters A-Z, digits and hyphens."
        ),
        metadata={"description": "Your own wording; kept in capitals", "example": "GRACE-2030"},
    )


class CodeOut(Plain):
    id = fields.Integer(required=True, metadata={"example": 7})
    code = fields.String(required=True, metadata=CODE)
    is_active = fields.Boolean(
        required=True, metadata={"description": "Whether it can be used now", "example": True}
    )
    expires_at = Timestamp(required=True, metadata=EXPIRY)
    created_at = Timestamp(required=True, metadata=CREATED)


class CodePageOut(Schema):
    codes = fields.Nested(CodeOut(many=True), required=True)
    next_cursor = NextCursor()


class LookUpQuery(Lenient):
    email = Email(required=True, metadata={"example": "grace@example.com"})


class LookUp(Input):
    email = Email(required=True, metadata={"example": "grace@example.com"})


class PublishedCodeOut(Schema):
    code = fields.String(required=True, metadata=CODE)
    expires_at = Timestamp(required=True, metadata=EXPIRY)
