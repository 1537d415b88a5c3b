"""Referrals, as they come in and go out."""

from marshmallow import Schema, fields

from app.schemas.base import CREATED, Input, Plain, Timestamp, WrittenShape
from app.schemas.paging import NextCursor


class Activation(Input):
    # Whatever is wrong with a code is found where codes are read, and answered alike.
    code = fields.String(required=True, metadata={"example": "K7MPX4QT"})


class PersonOut(Schema):
    id = fields.Integer(required=True, metadata={"example": 41})
    email = fields.String(required=True, metadata={"example": "ada@example.com"})


class JoinedOut(Schema):
    referrer = fields.Nested(PersonOut, required=True)


class ReferralOut(Schema):
    id = fields.Integer(required=True, metadata={"example": 43})
    email = fields.String(required=True, metadata={"example": "linus@example.com"})
    created_at = Timestamp(required=True, metadata=CREATED)


class ReferralPageOut(Plain):
    referrals = WrittenShape(ReferralOut(many=True), required=True)
    next_cursor = NextCursor()
    total = fields.Integer(
        metadata={"description": "How many in all; on the first page only", "example": 1}
    )
