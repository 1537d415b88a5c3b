"""Who is calling: bearer tokens (RFC 6750)."""

from functools import wraps
from typing import Any

from flask import request

from app.api.contract import View, extend
from app.errors import TokenMissing
from app.services import sessions, tokens


def signed_in(view: View) -> View:
    """Pass the person whose access token came with the request, as `caller`."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, caller=sessions.authenticate(_bearer_token()), **kwargs)

    return extend(view, wrapper, bearer="access")


def access_token(view: View) -> View:
    """Pass what the access token says, as `claims`; the view finds out whether its session lives.

    It does so in the statement that it has to ask anyway, which spares a round trip.
    """

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, claims=tokens.read_access_token(_bearer_token()), **kwargs)

    return extend(view, wrapper, bearer="access")


def refresh_token(view: View) -> View:
    """Pass what the refresh token says that came in place of an access token, as `claims`."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, claims=tokens.read_refresh_token(_bearer_token()), **kwargs)

    return extend(view, wrapper, bearer="refresh")


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    return token.strip()
