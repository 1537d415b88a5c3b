"""Joining a referrer, and seeing whom one brought."""

from typing import Any

from flask import Blueprint

from app.api.bearer import access_token, signed_in
from app.api.contract import accepts, refuses, returns
from app.errors import (
    AlreadyReferred,
    NotFound,
    ReferralCodeInvalid,
    ReferrerJoinedLater,
    SelfReferral,
)
from app.schemas.paging import PageQuery
from app.schemas.referrals import Activation, JoinedOut, ReferralPageOut
from app.services import referrals
from app.services.sessions import Caller
from app.services.tokens import Claims

blueprint = Blueprint("referral", __name__, url_prefix="/referral")


@blueprint.post("/activate")
@signed_in
@accepts(Activation())
@returns(JoinedOut())
@refuses(AlreadyReferred, SelfReferral, ReferrerJoinedLater, ReferralCodeInvalid)
def activate(caller: Caller, data: dict[str, Any]) -> Any:
    """Join a referrer after registration

    Once, with the code of somebody who registered before you.
    """
    return {"referrer": referrals.activate(caller.user, **data)}


@blueprint.get("/referrals")
@access_token
@accepts(PageQuery(), location="query")
@returns(ReferralPageOut())
def list_own_referrals(claims: Claims, data: dict[str, Any]) -> Any:
    """List those you brought

    Newest first; the first page has the total.
    """
    return referrals.list_own(claims, **data)


@blueprint.get("/referrals/<id:referrer_id>")
@signed_in
@accepts(PageQuery(), location="query")
@returns(ReferralPageOut())
@refuses(NotFound)
def list_referrals(caller: Caller, referrer_id: int, data: dict[str, Any]) -> Any:
    """List those somebody brought

    For that person themselves and for admins.
    """
    return referrals.list_for(caller.user, referrer_id, **data)
