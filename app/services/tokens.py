"""Tokens: signed here, and read. Whether the session of one is still there, the database knows."""

from dataclasses import dataclass
from functools import lru_cache
from time import time
from typing import Any
from uuid import UUID

from flask import current_app
from flask_jwt_extended import create_access_token, create_refresh_token
from jwt import PyJWTError, decode, get_unverified_header

from app.errors import TokenExpired, TokenInvalid
from app.extensions import jwt
from app.models.base import MAX_ID

ISSUER = "referral"
ALGORITHM = "HS256"
EXPECTED: dict[str, Any] = {
    "audience": ISSUER,
    "issuer": ISSUER,
    "options": {
        "require": ["aud", "exp", "iss", "jti", "sid", "sub", "type"],
        # It is looked at each time, not only when the token is verified.
        "verify_exp": False,
    },
}


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a client holds of a session. `expires_in` is the life of the access token, seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


@dataclass(frozen=True)
class Claims:
    """What a token says that was signed here and has not run out."""

    user_id: int
    session_id: UUID
    jti: UUID
    type: str

    @property
    def session(self) -> dict[str, Any]:
        """What a statement is to be told of the session."""
        return {"session_id": self.session_id, "user_id": self.user_id}


def sign(user_id: int, session_id: UUID, jti: UUID) -> Tokens:
    """Tokens of this session.

    :param jti: under which the refresh token is on record.
    """
    identity, claims = str(user_id), {"sid": str(session_id)}
    return Tokens(
        access_token=create_access_token(identity, additional_claims=claims),
        refresh_token=create_refresh_token(identity, additional_claims=claims | {"jti": str(jti)}),
        expires_in=current_app.config["JWT_ACCESS_TOKEN_EXPIRES"],
    )


def read_access_token(token: str) -> Claims:
    """What an access token says.

    :raises TokenInvalid, TokenExpired: it is of no use.
    """
    return _in_time(token, "access")


def read_refresh_token(token: str) -> Claims:
    """What a refresh token says.

    :raises TokenInvalid, TokenExpired: it is of no use.
    """
    return _in_time(token, "refresh")


def read_any(token: str) -> Claims:
    """What either of them says, run out or not.

    :raises TokenInvalid: it is neither.
    """
    claims, _ = _verify(token, *_keys().items())
    if claims.type not in ("access", "refresh"):
        raise TokenInvalid
    return claims


@jwt.encode_key_loader
def _signing_key(_identity: str) -> str:
    return _keys()[_signing_kid()]


@jwt.additional_headers_loader
def _key_header(_identity: str) -> dict[str, str]:
    kid = _signing_kid()
    return {} if kid is None else {"kid": kid}


def _signing_kid() -> str | None:
    name: str = current_app.config["JWT_SIGNING_KEY"]
    return name if name in current_app.config["JWT_KEYS"] else None


def _keys() -> dict[str | None, str]:
    """What a token may be signed with, by its `kid`; a token without one is of SECRET_KEY."""
    ring: dict[str, str] = current_app.config["JWT_KEYS"]
    return {None: current_app.config["SECRET_KEY"]} | ring


def _in_time(token: str, expected_type: str) -> Claims:
    claims, expires_at = _verify(token, *_keys().items())
    if expires_at <= time():
        raise TokenExpired
    if claims.type != expected_type:
        raise TokenInvalid
    return claims


@lru_cache(maxsize=1024)
def _verify(token: str, *keys: tuple[str | None, str]) -> tuple[Claims, int]:
    """What a token says that was signed with one of these keys, and when it runs out.

    What has been verified remains so, and a client sends its token many times.

    :raises TokenInvalid: it was not, or says something else than our tokens do.
    """
    try:
        kid = get_unverified_header(token).get("kid")
        payload = decode(token, dict(keys)[kid], [ALGORITHM], **EXPECTED)
        user_id, expires_at = int(payload["sub"]), payload["exp"]
        # To Python's JSON infinity is a number, too.
        if type(expires_at) is not int or not 0 < user_id <= MAX_ID:
            raise TokenInvalid
        claims = Claims(user_id, UUID(payload["sid"]), UUID(payload["jti"]), payload["type"])
        return claims, expires_at
    # RecursionError: the JSON inside a token can be nested as deeply as any other.
    except (PyJWTError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise TokenInvalid from None
