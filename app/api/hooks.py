"""What happens around every request."""

import random
import re
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from app import metrics
from app.api.limits import standing
from app.headers import DEFAULTS
from app.logs import attribute_to

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
ALL_DEFAULTS = list(DEFAULTS.items())
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Hooks:
    """WSGI middleware: a request has an id, is counted and timed, and its answer has headers.

    Around the application rather than hooks in it, which would each look for the request again.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        started = perf_counter()
        # No word and no path that a client made up becomes a label.
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "other"
        id_ = _request_id(environ)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seconds = metrics.answered(method, _route(environ), status[:3])
            seconds.observe(perf_counter() - started)
            told = [("X-Request-ID", id_), *standing(environ)]
            return start_response(status, headers + told + _others(headers), *error)

        in_progress = metrics.in_progress_of(method)
        in_progress.inc()
        attribute_to(id_)
        try:
            return self._application(environ, start)
        finally:
            attribute_to(None)
            in_progress.dec()


def _request_id(environ: "WSGIEnvironment") -> str:
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    if SANE_REQUEST_ID.fullmatch(given):
        return given
    # It is no secret.
    return random.randbytes(16).hex()  # noqa: S311


def _route(environ: "WSGIEnvironment") -> str:
    rule = environ["werkzeug.request"].url_rule
    return rule.rule if rule else "unmatched"


def _others(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    given = {name for name, _ in headers}
    if given.isdisjoint(DEFAULTS):
        return ALL_DEFAULTS
    return [(name, value) for name, value in DEFAULTS.items() if name not in given]
