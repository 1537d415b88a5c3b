"""Tokens, as they go out, and the OAuth forms that ask for them."""

from marshmallow import Schema, fields, validate

from app.schemas.base import Lenient

JWT = {"example": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"}
# In a form an empty parameter is none (RFC 6749, section 3.2).
NOT_EMPTY = {"minLength": 1}


class TokensOut(Schema):
    access_token = fields.String(required=True, metadata=JWT)
    refresh_token = fields.String(required=True, metadata=JWT)
    token_type = fields.String(required=True, validate=validate.OneOf(["Bearer"]))
    expires_in = fields.Integer(
        required=True,
        metadata={"description": "Life of the access token, seconds", "example": 900},
    )


class RefreshRequest(Lenient):
    """RFC 6749, section 6: all that is left without the password grant."""

    grant_type = fields.String(required=True, metadata=NOT_EMPTY | {"example": "refresh_token"})
    refresh_token = fields.String(metadata=JWT)


class TokenRequest(RefreshRequest):
    """RFC 6749, sections 4.3.2 and 6. What each grant needs is checked where it is granted."""

    not_in_example = frozenset({"refresh_token"})

    grant_type = fields.String(
        required=True,
        metadata=NOT_EMPTY
        | {"description": "`password` or `refresh_token`", "example": "password"},
    )
    username = fields.String(metadata={"example": "grace@example.com"})
    password = fields.String(metadata={"example": "correct horse battery", "format": "password"})


class RevocationRequest(Lenient):
    """RFC 7009, section 2.1."""

    token = fields.String(
        required=True, metadata=JWT | NOT_EMPTY | {"description": "Either token of a session"}
    )
    token_type_hint = fields.String(metadata={"example": "refresh_token"})


class OAuthErrorOut(Schema):
    """RFC 6749, section 5.2."""

    error = fields.String(required=True, metadata={"example": "invalid_grant"})
    error_description = fields.String(metadata={"example": "The refresh token was used before."})
