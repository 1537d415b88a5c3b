"""One's own referral codes, and other people's by e-mail."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from app.api.bearer import signed_in
from app.api.contract import accepts, refuses, returns
from app.api.limits import limited, person
from app.api.referrals import blueprint
from app.errors import (
    CodeExpired,
    CodeTaken,
    EmailNotVerified,
    NoActiveCode,
    NotFound,
    ReferralCodeNotFound,
)
from app.schemas.codes import (
    CodeOut,
    CodePageOut,
    Lifetime,
    LookUp,
    LookUpQuery,
    NewCode,
    NewLifetime,
    PublishedCodeOut,
)
from app.schemas.paging import PageQuery
from app.services import codes, lookup
from app.services.sessions import Caller


@blueprint.post("/code")
@signed_in
@accepts(NewCode())
@returns(CodeOut(), HTTPStatus.CREATED)
@refuses(EmailNotVerified, CodeTaken)
def create_code(caller: Caller, data: dict[str, Any]) -> Any:
    """Publish a code

    The code that was active before is deactivated. Without a wording of your own one is made for
    you. A wording never passes to another person; your own earlier one comes back to life. A
    deployment may ask for a verified e-mail address first.
    """
    return codes.create(caller.user, **data)


@blueprint.get("/code")
@signed_in
@returns(CodeOut())
@refuses(NoActiveCode)
def show_code(caller: Caller) -> Any:
    """Show your active code"""
    return codes.get_active(caller.user.id)


@blueprint.patch("/code")
@signed_in
@accepts(Lifetime())
@returns(CodeOut())
@refuses(NoActiveCode)
def change_code(caller: Caller, data: dict[str, Any]) -> Any:
    """Change the expiry of your active code"""
    return codes.change_active(caller.user, **data)


@blueprint.delete("/code")
@signed_in
@returns(None, HTTPStatus.NO_CONTENT)
@refuses(NoActiveCode)
def withdraw_code(caller: Caller) -> None:
    """Deactivate your active code"""
    codes.withdraw_active(caller.user)


@blueprint.post("/code/email")
@limited("mail_code")
@signed_in
@limited("mail_code", by=person)
@returns(None, HTTPStatus.ACCEPTED)
@refuses(NoActiveCode)
def mail_code(caller: Caller) -> None:
    """Mail your active code to yourself"""
    codes.mail_active(caller.user)


@blueprint.get("/codes")
@signed_in
@accepts(PageQuery(), location="query")
@returns(CodePageOut())
def list_codes(caller: Caller, data: dict[str, Any]) -> Any:
    """List your codes

    Newest first, active or not; deleted ones are gone.
    """
    return codes.list_own(caller.user.id, **data)


@blueprint.post("/codes/<id:code_id>/activate")
@signed_in
@accepts(NewLifetime(), optional_body=True)
@returns(CodeOut())
@refuses(EmailNotVerified, NotFound, CodeExpired)
def activate_code(caller: Caller, code_id: int, data: dict[str, Any]) -> Any:
    """Activate one of your codes

    Any other is deactivated. A new expiry brings an expired code back.
    """
    return codes.activate(caller.user, code_id, **data)


@blueprint.post("/codes/<id:code_id>/deactivate")
@signed_in
@returns(CodeOut())
@refuses(NotFound)
def deactivate_code(caller: Caller, code_id: int) -> Any:
    """Deactivate one of your codes"""
    return codes.deactivate(caller.user, code_id)


@blueprint.delete("/codes/<id:code_id>")
@signed_in
@returns(None, HTTPStatus.NO_CONTENT)
@refuses(NotFound)
def delete_code(caller: Caller, code_id: int) -> None:
    """Delete one of your codes

    It is gone from every list and cannot be used. Referrals made with it stay.
    """
    codes.delete(caller.user, code_id)


@blueprint.get("/code/by-email")
@limited("look_up", together=True)
@accepts(LookUpQuery(), location="query")
@returns(PublishedCodeOut())
@refuses(ReferralCodeNotFound)
def look_up_code(data: dict[str, Any], admit: Callable[[], None]) -> Any:
    """Look up somebody's code by e-mail

    Needs no account. One answer stands for no account, no code, and a code that has ended.
    """
    return lookup.find(**data, admit=admit)


@blueprint.post("/code/by-email")
@limited("look_up", together=True)
@accepts(LookUp())
@returns(PublishedCodeOut())
@refuses(ReferralCodeNotFound)
def look_up_code_quietly(data: dict[str, Any], admit: Callable[[], None]) -> Any:
    """Look up somebody's code by e-mail, in the body

    The same as the GET, and keeps the address out of access logs.
    """
    return lookup.find(**data, admit=admit)
