"""The outbox: what the service owes the outside, kept until it is done.

A delivery is written in the transaction that gives rise to it, and is locked while it is tried; so
none is lost, none is made up, and no two workers try the same one at once. One that fails is tried
again after growing waits, for a day at least, and is then left for somebody to look at.
"""

import logging
import random
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select, text, update

from app import metrics
from app.clients import OutsideError
from app.database import read, transaction, wake_after_commit
from app.errors import DATABASE_LOST
from app.extensions import db
from app.logs import attribute_to, request_id
from app.models import Delivery

# The waits grow from the first to the longest, slowly: a mail server that refuses every second mail
# gets nearly all of a thousand within minutes. Of each wait, half is certain and half is chance, so
# that deliveries that failed together do not come back together. All waits together are a day at
# the least.
FIRST_WAIT = timedelta(seconds=10)
GROWTH = 1.3
LONGEST_WAIT = timedelta(hours=2)
MOST_ATTEMPTS = 48

# For how long one call takes up new deliveries; beat's next one goes on.
BUDGET_SECONDS = 30

_waiting = Delivery.dead_at.is_(None)
_oldest = func.min(Delivery.created_at).filter(_waiting)
# In the metrics' names.
OWED = select(
    func.count().filter(_waiting).label("referral_outbox_depth"),
    func.coalesce(func.extract("epoch", func.now() - _oldest), 0).label(
        "referral_outbox_oldest_seconds"
    ),
    func.count(Delivery.dead_at).label("referral_outbox_dead"),
)

DONE, FAILED, DEAD = "done", "failed", "dead"
# Told of when they are counted, with their reason.
FAILURES = (FAILED, DEAD)

log = logging.getLogger(__name__)

Deliver = Callable[[Delivery], None]


class Moot(Exception):
    """There is no reason to deliver any more, such as a token that has run out.

    :param outcome: why, in a word that a metric may hold.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def put(kind: str, task: str, **payload: Any) -> None:
    """Owe this, in the transaction of the caller; the task that sees to it is woken after it."""
    db.session.add(Delivery(kind=kind, payload=payload | {"request_id": request_id()}))
    wake_after_commit(task)


def deliver_due(
    kinds: Collection[str],
    deliver: Deliver,
    settled: Callable[[str, str], None],
    alone: int | None = None,
) -> None:
    """Try what is due of these kinds, one by one.

    :param alone: the number of a lock, with which no more than one process at a time is at it; so
        that a service that hangs cannot keep all of them from other kinds.
    :param deliver: does it, or raises OutsideError to be called again later, or Moot.
    :param settled: is told of each attempt the kind and what became of it: `DONE`, `FAILED`,
        `DEAD`, or the outcome of Moot.
    """
    started, caller = monotonic(), request_id()
    try:
        while monotonic() - started < BUDGET_SECONDS:
            tried = _deliver_next(kinds, deliver, alone)
            if tried is None:
                return
            id_, kind, outcome, age = tried
            if outcome not in FAILURES:
                log.info("Delivery %s (%s): %s", id_, kind, outcome)
            if outcome == DONE:
                metrics.delivery_seconds.labels(kind=kind).observe(age)
            settled(kind, outcome)
    finally:
        attribute_to(caller)


def gauges() -> dict[str, float]:
    """How much is owed, in the metrics' names; nothing while PostgreSQL is lost."""
    try:
        (owed,) = read(OWED, {})
    except DATABASE_LOST:
        return {}
    return {name: float(value) for name, value in owed._asdict().items()}


def list_all() -> Sequence[Delivery]:
    """Everything owed, dead or not, oldest first."""
    with transaction():
        return db.session.scalars(select(Delivery).order_by(Delivery.id)).all()


def retry(ids: Collection[int] | None = None) -> int:
    """Have dead deliveries tried again as if for the first time, all of them or these.

    :returns: how many there were.
    """
    dead = update(Delivery).where(Delivery.dead_at.is_not(None))
    if ids is not None:
        dead = dead.where(Delivery.id.in_(ids))
    with transaction():
        revived = dead.values(dead_at=None, attempts=0, due_at=func.now()).returning(Delivery.id)
        return len(db.session.scalars(revived).all())


def _deliver_next(
    kinds: Collection[str], deliver: Deliver, alone: int | None
) -> tuple[int, str, str, float] | None:
    """Try what is due longest: its id, its kind, the outcome and its age in seconds.

    :returns: None when nothing is due.
    """
    with transaction():
        _keep_the_lock_meanwhile()
        if alone is not None and not db.session.scalar(func.pg_try_advisory_xact_lock(alone)):
            return None
        delivery = _lock_next(kinds)
        if delivery is None:
            return None
        outcome = _try(delivery, deliver)
        age = (datetime.now(UTC) - delivery.created_at).total_seconds()
        return delivery.id, delivery.kind, outcome, age


def _keep_the_lock_meanwhile() -> None:
    # Longer than a task can run: nobody else may take the row while this one might still send.
    db.session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2min'"))


def _lock_next(kinds: Collection[str]) -> Delivery | None:
    return db.session.scalar(
        select(Delivery)
        .where(Delivery.dead_at.is_(None), Delivery.due_at <= func.now(), Delivery.kind.in_(kinds))
        .order_by(Delivery.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        # The session may know this row from an attempt a while ago.
        .execution_options(populate_existing=True)
    )


def _try(delivery: Delivery, deliver: Deliver) -> str:
    try:
        # Not to the request that has woken this process.
        attribute_to(delivery.payload.get("request_id") or uuid4().hex)
        # What is broken about one delivery must not undo the counting of its failure.
        with db.session.begin_nested():
            deliver(delivery)
        outcome = DONE
    except Moot as moot:
        outcome = moot.outcome
    except OutsideError as error:
        return _put_off(delivery, error.outcome)
    except Exception as error:
        log.error("Delivery %s (%s) crashed", delivery.id, delivery.kind, exc_info=error)
        return _put_off(delivery, type(error).__name__)
    db.session.delete(delivery)
    return outcome


def _put_off(delivery: Delivery, failure: str) -> str:
    """Have it tried again later, or give it up."""
    delivery.last_failure = failure
    delivery.due_at = func.clock_timestamp() + _wait_after(delivery.attempts)
    delivery.attempts += 1
    log.warning("Delivery %s (%s) failed: %s", delivery.id, delivery.kind, failure)
    if delivery.attempts < MOST_ATTEMPTS:
        return FAILED
    delivery.dead_at = func.clock_timestamp()
    log.error("Delivery %s (%s) is given up: `flask outbox retry`", delivery.id, delivery.kind)
    return DEAD


def _wait_after(failures: int) -> timedelta:
    longest = min(FIRST_WAIT * GROWTH**failures, LONGEST_WAIT)
    return longest * random.uniform(0.5, 1)  # noqa: S311  # nosec B311
