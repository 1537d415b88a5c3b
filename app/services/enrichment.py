"""What an outside service knows of a person, asked for after they registered."""

from flask import current_app
from sqlalchemy import select, update

from app import metrics
from app.clients import OutsideError
from app.clients.clearbit import Clearbit
from app.extensions import db
from app.models import Delivery, User
from app.queue import ENRICH
from app.services import outbox
from app.services.outbox import Moot

KIND = "enrichment"
# Any number will do that no other lock has.
LOCK = 7_258_802


def request(user_id: int) -> None:
    """Have this person looked up, in the transaction of the caller; not without a key."""
    if current_app.config["CLEARBIT_API_KEY"]:
        outbox.put(KIND, ENRICH, user_id=user_id)


def look_up_due() -> None:
    """Look up those who are due."""
    outbox.deliver_due([KIND], _look_up, lambda kind, outcome: None, alone=LOCK)


def _look_up(delivery: Delivery) -> None:
    """:raises OutsideError: it is not known yet; ask again later."""
    config = current_app.config
    if not config["CLEARBIT_API_KEY"]:
        raise Moot("switched_off")
    user_id = delivery.payload["user_id"]
    email = db.session.scalars(select(User.email).where(User.id == user_id)).one()
    profile = _find(Clearbit(config["CLEARBIT_API_KEY"], config["CLEARBIT_URL"]), email)
    if profile is not None:
        db.session.execute(update(User).where(User.id == user_id).values(profile=profile))


def _find(client: Clearbit, email: str) -> dict[str, object] | None:
    try:
        profile = client.find(email)
    except OutsideError as error:
        metrics.external_calls.labels(service="clearbit", outcome=error.outcome).inc()
        raise
    outcome = "unknown" if profile is None else "found"
    metrics.external_calls.labels(service="clearbit", outcome=outcome).inc()
    return profile
