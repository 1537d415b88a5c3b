"""Addresses that nobody will read mail at: refused before there is an account."""

import logging
from threading import Lock

import idna
from circuitbreaker import CircuitBreaker
from disposable_email_domains import blocklist
from flask import current_app

from app import metrics, native
from app.clients import OutsideError
from app.clients.hunter import VERDICTS, Hunter
from app.errors import EmailRejected

REFUSED = frozenset({"invalid", "disposable"})
# They are about one address: a stranger could have Hunter left alone with five odd ones.
NO_FAILURES = frozenset({"pending", "declined"})
FAILURES_IN_A_ROW = 5
CALLS_AT_ONCE = 16
PAUSE_SECONDS = 60.0

log = logging.getLogger(__name__)


def screen(email: str) -> None:
    """Let the address pass unless it is known to be disposable or not to exist.

    Hunter is asked if there is a key; without a verdict of Hunter's the address passes.

    :raises EmailRejected: it does not pass.
    """
    if _is_disposable(email.rpartition("@")[2]):
        raise EmailRejected
    if current_app.config["EMAIL_HUNTER_API_KEY"] and _ask_hunter(email) in REFUSED:
        raise EmailRejected


class Patience:
    """Asks Hunter, and leaves it alone for a while after some failures in a row."""

    def __init__(self, hunter: Hunter) -> None:
        self._hunter = hunter
        self._threads = native.Threads(CALLS_AT_ONCE)
        # pybreaker holds a lock during a call: behind one that hangs all others would queue.
        self._breaker = CircuitBreaker(FAILURES_IN_A_ROW, PAUSE_SECONDS, _is_failure)
        self._trying_again = Lock()

    def verdict(self, email: str) -> str:
        """:raises OutsideError: there is none; `skipped` while Hunter is left alone."""
        if self._breaker.closed:
            return self._ask(email)
        # After the pause one thread finds out for all.
        if self._breaker.opened or not self._trying_again.acquire(blocking=False):
            raise OutsideError("skipped")
        try:
            return self._ask(email)
        finally:
            self._trying_again.release()

    def _ask(self, email: str) -> str:
        try:
            with self._breaker:
                return self._threads.run(self._hunter.verdict, email)
        except OutsideError as error:
            if self._breaker.opened:
                log.warning("Hunter is left alone for %g s: %s", PAUSE_SECONDS, error.outcome)
            raise


def _is_failure(_: type[BaseException], error: BaseException) -> bool:
    return isinstance(error, OutsideError) and error.outcome not in NO_FAILURES


def _is_disposable(domain: str) -> bool:
    """Whether the domain or one above it is on the list, which has them in ASCII (RFC 5891)."""
    labels = idna.encode(domain).decode().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels)))


def _ask_hunter(email: str) -> str:
    """The verdict, or what happened instead of one; counted."""
    try:
        verdict = _hunter().verdict(email)
        outcome = verdict if verdict in VERDICTS else "malformed"
    except OutsideError as error:
        outcome = error.outcome
    metrics.external_calls.labels(service="hunter", outcome=outcome).inc()
    return outcome


def _hunter() -> Patience:
    """The one of this application, so that all requests of the process share what is known."""
    config = current_app.config
    hunter = Hunter(config["EMAIL_HUNTER_API_KEY"], config["EMAIL_HUNTER_URL"])
    patience: Patience = current_app.extensions.setdefault("hunter", Patience(hunter))
    return patience
