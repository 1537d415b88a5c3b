"""How long a request may wait for PostgreSQL in all.

The pool of SQLAlchemy, where all of its connections are taken, has a limit of its own beside this.
"""

from contextvars import ContextVar
from math import inf

from flask import has_request_context
from psycopg2 import OperationalError

WAIT_SECONDS = 5


class OutOfPatience(OperationalError):
    """PostgreSQL did not answer in time, though it may be there."""


# How long this request has waited. Of what is no request, each wait is by itself.
_waited: ContextVar[float] = ContextVar("waited", default=0.0)

# When to give up at the latest, whoever it is that waits.
deadline: ContextVar[float] = ContextVar("deadline", default=inf)


def end(now: float) -> float:
    """When whoever begins to wait now is to give up (monotonic, in seconds)."""
    return min(now + WAIT_SECONDS - _waited.get(), deadline.get())


def spend(seconds: float) -> None:
    """Have these counted: the request has waited so long."""
    if has_request_context():
        _waited.set(_waited.get() + seconds)


def forget() -> None:
    """Have the next request wait as long as any."""
    _waited.set(0.0)
