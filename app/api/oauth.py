"""The OAuth 2.0 face of sessions: tokens (RFC 6749) and their revocation (RFC 7009).

For the company's own clients: no client authentication is asked for, and any that comes is
ignored.
"""

from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Response, current_app
from marshmallow import ValidationError

from app.api.auth import blueprint
from app.api.contract import View, accepts, extend, refuses, returns
from app.api.limits import grant, holder, limited
from app.errors import Invalid, InvalidCredentials, TooManyAttempts, Unauthorized
from app.json import MEDIA_TYPE, written
from app.schemas.base import canonical_email
from app.schemas.sessions import RevocationRequest, TokenRequest, TokensOut
from app.services import accounts, sessions, tokens
from app.services.tokens import Claims, Tokens

PARAMETERS = TokenRequest().fields.keys() | RevocationRequest().fields.keys()


class UnsupportedGrantType(Exception):
    detail = "No tokens are given here for this grant type."


def oauth_errors(view: View) -> View:
    """Refuse in the words of RFC 6749, section 5.2, and let nobody keep the answer."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        try:
            response: Response = view(*args, **kwargs)
        except Unauthorized as refusal:
            response = _refusal("invalid_grant", refusal.detail)
        except Invalid as refusal:
            response = _refusal("invalid_request", _faults(refusal))
        except UnsupportedGrantType as refusal:
            response = _refusal("unsupported_grant_type", refusal.detail)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Pragma"] = "no-cache"
        return response

    return extend(view, wrapper, oauth=True)


@blueprint.post("/token")
@limited(grant)
@oauth_errors
@accepts(TokenRequest(), location="form")
@returns(TokensOut())
@refuses(TooManyAttempts)
def grant_token(data: dict[str, str]) -> Any:
    """Get tokens (OAuth 2.0)

    `grant_type=refresh_token` with `refresh_token`, which works once. Where the form has a
    password, also `grant_type=password` with `username` (the e-mail address) and `password`.
    """
    if data["grant_type"] == "password" and current_app.config["OAUTH_PASSWORD_GRANT"]:
        return _by_password(*_required(data, "username", "password"))
    if data["grant_type"] == "refresh_token":
        (token,) = _required(data, "refresh_token")
        return _by_refresh_token(claims=tokens.read_refresh_token(token))
    raise UnsupportedGrantType


@blueprint.post("/revoke")
@oauth_errors
@accepts(RevocationRequest(), location="form")
@returns(None)
def revoke_token(data: dict[str, str]) -> None:
    """Revoke a token (OAuth 2.0)

    Either token of a session ends the whole of it. A token that nobody knows is no error.
    """
    sessions.end_by_token(data["token"])


def _by_password(username: str, password: str) -> Tokens:
    try:
        email = canonical_email(username)
    except ValidationError:
        raise InvalidCredentials from None
    return accounts.log_in(email, password)


@limited("refresh", by=holder)
def _by_refresh_token(claims: Claims) -> Tokens:
    return sessions.refresh(claims)


def _required(data: dict[str, str], *names: str) -> list[str]:
    missing = {name: ["Is missing."] for name in names if name not in data}
    if missing:
        raise Invalid(errors=missing)
    return [data[name] for name in names]


def _refusal(error: str, description: str) -> Response:
    body = written({"error": error, "error_description": description})
    return Response(body, HTTPStatus.BAD_REQUEST, content_type=MEDIA_TYPE)


def _faults(refusal: Invalid) -> str:
    # Only names that are known here, for not all characters may stand in a description.
    faulty = PARAMETERS & refusal.members["errors"].keys()
    return "Missing, repeated or faulty parameters: " + ", ".join(
        sorted(faulty) or ["unknown ones"]
    )
