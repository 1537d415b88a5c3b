"""Verifying an e-mail address by mail."""

from http import HTTPStatus
from typing import Any

from app.api.auth import blueprint
from app.api.bearer import signed_in
from app.api.contract import accepts, refuses, returns
from app.api.limits import limited, person
from app.errors import MailedTokenInvalid
from app.schemas.accounts import Verification
from app.services import verification
from app.services.sessions import Caller


@blueprint.post("/verify_email")
@limited("mailed_token")
@accepts(Verification())
@returns(None, HTTPStatus.NO_CONTENT)
@refuses(MailedTokenInvalid)
def verify_email(data: dict[str, Any]) -> None:
    """Verify your e-mail address with a mailed link

    The link works once and for a day.
    """
    verification.confirm(**data)


@blueprint.post("/verify_email/resend")
@limited("resend_verification")
@signed_in
@limited("resend_verification", by=person)
@returns(None, HTTPStatus.ACCEPTED)
def resend_verification(caller: Caller) -> None:
    """Have the link to verify your e-mail address mailed again

    Unless it is verified already.
    """
    verification.request(caller.user)
