"""How long a request may wait for PostgreSQL in all, for a connection or for answers."""

from contextvars import ContextVar
from math import inf

from flask import g, has_request_context

WAIT_SECONDS = 5

# When to give up at the latest, whoever it is that waits.
deadline: ContextVar[float] = ContextVar("deadline", default=inf)


def end(now: float) -> float:
    """When whoever begins to wait now is to give up (monotonic, in seconds)."""
    waited = g.get("waited", 0.0) if has_request_context() else 0.0
    return min(now + WAIT_SECONDS - waited, deadline.get())


def spend(seconds: float) -> None:
    """Have these counted: the request has waited so long."""
    if has_request_context():
        g.waited = g.get("waited", 0.0) + seconds
