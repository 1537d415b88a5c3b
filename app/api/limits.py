"""How often may be asked: by everybody at one network address, and by or for one account."""

from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any

from flask import request

from app.api.contract import FORM, View, extend
from app.errors import TooManyRequests
from app.extensions import limiter
from app.limiter import Window
from app.services.sessions import Caller
from app.services.tokens import Claims

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Where a request has how whoever sent it stands with each limit.
WINDOWS = "referral.windows"
# What one person is given of IPv6 at the least (RFC 6177).
LONGEST_PREFIX = 64
UNKNOWN = "unknown"


def limited(
    action: str | Callable[[], str], by: Callable[..., str] | None = None, together: bool = False
) -> Callable[[View], View]:
    """Refuse those who ask too often, by `RATELIMIT_<ACTION>`, or `…_PER_ACCOUNT`.

    :param action: what has a budget of its own; views that name the same one share it.
    :param by: names the account, from what the decorators above pass to the view; by default the
        network address is limited.
    :param together: let the view ask Redis in the same round trip. It is passed `admit`, to be
        called when it has asked and before it does anything else.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            environ = request.environ
            setting = f"RATELIMIT_{(action if isinstance(action, str) else action()).upper()}"
            admission = (
                Admission(environ, setting, _network(environ.get("REMOTE_ADDR")))
                if by is None
                else Admission(environ, f"{setting}_PER_ACCOUNT", by(**kwargs))
            )
            if not together:
                admission.admit()
                return view(*args, **kwargs)
            try:
                return view(*args, admit=admission.admit, **kwargs)
            finally:
                # Also those whose request was no good.
                admission.admit()

        return extend(view, wrapper, limited=True)

    return decorate


class Admission:
    """Somebody who asks, counted; they may go on or not."""

    def __init__(self, environ: "WSGIEnvironment", limit: str, who: str) -> None:
        self._environ = environ
        self._count = limiter.count(limit, who)
        self._exceeded: list[Window] | None = None

    def admit(self) -> None:
        """:raises TooManyRequests: they asked too often."""
        if self._exceeded is None:
            windows = self._count()
            self._environ.setdefault(WINDOWS, []).extend(windows)
            self._exceeded = [window for window in windows if window.is_exceeded]
        if self._exceeded:
            end = max(window.ends_at for window in self._exceeded)
            raise TooManyRequests(retry_after=max(1, ceil(end - time())))


def email(data: dict[str, Any], **_: Any) -> str:
    """The address that was sent, whether anybody has it or not; Redis is not to know it."""
    return sha256(data["email"].encode()).hexdigest()


def person(caller: Caller, **_: Any) -> str:
    """Whoever is signed in."""
    return str(caller.user.id)


def holder(claims: Claims, **_: Any) -> str:
    """Whom the refresh token was given to."""
    return str(claims.user_id)


def grant() -> str:
    """What a token is asked for with: it is a log-in or a refresh like any other."""
    refreshes = request.mimetype == FORM and request.form.get("grant_type") == "refresh_token"
    return "refresh" if refreshes else "login"


@lru_cache(maxsize=4096)
def _network(remote: str | None) -> str:
    """The client's address, or of IPv6 the network: a person has the whole of it."""
    try:
        address = ip_address(remote or "")
    except ValueError:
        # No proxy should say that. Each would otherwise be somebody else.
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address.packed, LONGEST_PREFIX), strict=False))


def _nearness(window: Window) -> tuple[int, float]:
    """The less, the sooner it refuses; of those that do, the longer."""
    return window.remaining - window.is_exceeded, -window.ends_at


def standing(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The headers that tell of the limit which is met first, of all that were looked at."""
    windows: list[Window] = environ.get(WINDOWS, [])
    if not windows:
        return []
    window = min(windows, key=_nearness)
    return [
        ("X-RateLimit-Limit", str(window.limit.amount)),
        ("X-RateLimit-Remaining", str(window.remaining)),
        ("X-RateLimit-Reset", str(ceil(window.ends_at))),
    ]
