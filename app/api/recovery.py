"""A new password by mail."""

from http import HTTPStatus
from typing import Any

from app.api.auth import blueprint
from app.api.contract import accepts, refuses, returns
from app.api.limits import email, limited
from app.errors import MailedTokenInvalid
from app.schemas.accounts import Reset, ResetRequest
from app.services import recovery


@blueprint.post("/reset_password")
@limited("reset_password")
@accepts(ResetRequest())
@limited("reset_password", by=email)
@returns(None, HTTPStatus.ACCEPTED)
def ask_for_reset(data: dict[str, Any]) -> None:
    """Ask for a link to set a new password

    The answer is the same whether there is an account with this address or not. If there is, a
    link is mailed there, which works once and for an hour.
    """
    recovery.request(**data)


@blueprint.post("/reset_password/confirm")
@limited("mailed_token")
@accepts(Reset())
@returns(None, HTTPStatus.NO_CONTENT)
@refuses(MailedTokenInvalid)
def reset_password(data: dict[str, Any]) -> None:
    """Set a new password with a mailed link

    Ends every session, and all other links of this kind die.
    """
    recovery.confirm(**data)
