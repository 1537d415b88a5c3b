"""Accounts and sessions."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint

from app.api.bearer import access_token, refresh_token, signed_in
from app.api.contract import accepts, refuses, returns
from app.api.languages import preferred_language
from app.api.limits import email, holder, limited, person
from app.errors import (
    EmailRejected,
    EmailTaken,
    InvalidCredentials,
    ReferralCodeInvalid,
    TokenReused,
    TooManyAttempts,
    WrongPassword,
)
from app.schemas.accounts import Credentials, MeOut, PasswordChange, Registration, SignedInOut
from app.schemas.sessions import TokensOut
from app.services import accounts, sessions
from app.services.sessions import Caller
from app.services.tokens import Claims, Tokens

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


@blueprint.post("/register")
@limited("register")
@accepts(Registration())
@limited("register", by=email)
@returns(SignedInOut(), HTTPStatus.CREATED)
@refuses(EmailTaken, EmailRejected, ReferralCodeInvalid)
def register(data: dict[str, Any]) -> Any:
    """Register

    Makes an account and logs it in. With a referral code the new person joins its owner; a code
    that cannot be used refuses the registration, and no account is made. So does an address that
    is disposable or known not to exist. A link to verify the address is mailed, in the language of
    `Accept-Language` if that is English or Russian.
    """
    return accounts.register(**data, language=preferred_language())


@blueprint.post("/login")
@limited("login")
@accepts(Credentials())
@returns(SignedInOut())
@refuses(InvalidCredentials, TooManyAttempts)
def log_in(data: dict[str, Any]) -> Any:
    """Log in

    Opens a session. After a few wrong passwords for one address, each further one makes the next
    attempt wait a little longer, a minute at most.
    """
    return accounts.log_in(**data)


@blueprint.post("/refresh")
@limited("refresh")
@refresh_token
@limited("refresh", by=holder)
@returns(TokensOut())
@refuses(TokenReused)
def refresh(claims: Claims) -> Tokens:
    """Refresh the tokens

    Takes the refresh token as the bearer token. It works once: the answer holds a new pair. A
    refresh token that is sent again later than ten seconds after its use ends the session.
    """
    return sessions.refresh(claims)


@blueprint.post("/logout")
@signed_in
@returns(None, HTTPStatus.NO_CONTENT)
def log_out(caller: Caller) -> None:
    """Log out

    Ends this session; its access token and its refresh token stop working at once.
    """
    sessions.end(caller.session_id)


@blueprint.get("/me")
@access_token
@returns(MeOut())
def me(claims: Claims) -> Any:
    """Show yourself

    Your account, who brought you, your active code, and the newest of those you brought.
    """
    return accounts.describe(claims)


@blueprint.post("/change_password")
@limited("change_password")
@signed_in
@limited("change_password", by=person)
@accepts(PasswordChange())
@returns(None, HTTPStatus.NO_CONTENT)
@refuses(WrongPassword, TooManyAttempts)
def change_password(caller: Caller, data: dict[str, Any]) -> None:
    """Change your password

    Ends every other session of yours, and links to reset the password die. Wrong current passwords
    are met with growing delays.
    """
    accounts.change_password(caller, **data)
