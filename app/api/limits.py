"""How often may be asked: by everybody at one network address, and by or for one account."""

from collections.abc import Callable
from functools import cache, partial, wraps
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from time import time
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_limiter import HeaderNames

from app.api.contract import FORM, View, extend
from app.extensions import limiter
from app.services.sessions import Caller, Claims

# What one person is given of IPv6 at the least (RFC 6177).
LONGEST_PREFIX = 64
UNKNOWN = "unknown"


def init_limits(app: Flask) -> None:
    """Count what is limited, and tell clients how they stand."""
    limiter.init_app(app)
    app.after_request(_tell)


def limited(
    action: str | Callable[[], str], by: Callable[..., str] | None = None
) -> Callable[[View], View]:
    """Refuse those who ask too often, by `RATELIMIT_<ACTION>`, or `…_PER_ACCOUNT`.

    :param action: what has a budget of its own; views that name the same one share it.
    :param by: names the account, from what the decorators above pass to the view; by default the
        network address is limited.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            setting = f"RATELIMIT_{(action if isinstance(action, str) else action()).upper()}"
            if by is None:
                _count(setting, _network())
            else:
                _count(f"{setting}_PER_ACCOUNT", by(**kwargs))
            return view(*args, **kwargs)

        return extend(view, wrapper, limited=True)

    return decorate


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


def _count(setting: str, who: str) -> None:
    g.limited = who
    try:
        _check(setting)()
    finally:
        g.limits = [*g.get("limits", []), *limiter.current_limits]


@cache
def _check(setting: str) -> Callable[[], None]:
    def check() -> None:
        """Nothing but what Flask-Limiter does before it."""

    # By which Flask-Limiter tells one from another.
    check.__qualname__ = setting
    figures = partial(_figures, setting)
    return limiter.shared_limit(figures, scope=setting, key_func=lambda: g.limited)(check)


def _figures(setting: str) -> str:
    figures: str = current_app.config[setting]
    return figures


def _network() -> str:
    """The client's address, or of IPv6 the network: a person has the whole of it."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        # No proxy should say that. Each would otherwise be somebody else.
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address.packed, LONGEST_PREFIX), strict=False))


def _tell(response: Response) -> Response:
    """Of all limits that were looked at, tell of the one that is met first."""
    if limits := g.get("limits"):
        limit = min(limits, key=lambda each: (not each.breached, each.remaining))
        response.headers[HeaderNames.LIMIT.value] = str(limit.limit.amount)
        response.headers[HeaderNames.REMAINING.value] = str(limit.remaining)
        response.headers[HeaderNames.RESET.value] = str(limit.reset_at)
        # On every answer Flask-Limiter would put it, in place of what other refusals say.
        if limit.breached:
            wait = max(1, limit.reset_at - int(time()))
            response.headers[HeaderNames.RETRY_AFTER.value] = str(wait)
    return response
