"""Tokens as a forger, or the service at another time, might have made them."""

import base64
import hashlib
import hmac
from time import time
from typing import Any

import jwt
from flask import Flask

ANOTHER_KEY = "a key of somebody else, long enough for SHA-512 as well: 0123456789abcdef"


def claims_of(token: str) -> dict[str, Any]:
    """What the token says, whoever signed it."""
    return jwt.decode(token, options={"verify_signature": False})


def reminted(
    app: Flask, token: str, *, key: str = "", algorithm: str = "HS256", **claims: Any
) -> str:
    """The token with other claims, signed as the service signs; a claim given as None is left out.

    :param key: another key to sign with; `algorithm="none"` takes none.
    """
    changed = claims_of(token) | claims
    kept = {name: value for name, value in changed.items() if value is not None}
    signing_key = None if algorithm == "none" else key or app.config["SECRET_KEY"]
    return jwt.encode(kept, signing_key, algorithm)


def expired(app: Flask, token: str) -> str:
    """The token as it is a second after it has run out."""
    return reminted(app, token, exp=int(time()) - 1)


def assembled(header: str, payload: str, key: str = ANOTHER_KEY) -> str:
    """A token of these two parts, JSON or not, signed with this key."""
    signed = f"{_base64url(header.encode())}.{_base64url(payload.encode())}"
    signature = hmac.digest(key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64url(signature)}"


def _base64url(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")
