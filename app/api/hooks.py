"""What happens around every request."""

import re
from io import BytesIO
from time import perf_counter
from typing import IO
from uuid import uuid4

from flask import Flask, Response, g, request
from flask.sessions import SessionInterface
from werkzeug.exceptions import BadRequest

from app import metrics
from app.errors import BodyTooLarge

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
LARGEST_DISCARDED = 4 * 1024 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class NoSessions(SessionInterface):
    """There are no cookies; Flask would prepare to sign one for every request."""

    def open_session(self, *_: object) -> None:
        return None


def init_hooks(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_end)


def _begin() -> None:
    environ = request.environ
    g.started = perf_counter()
    metrics.in_progress_of(_method()).inc()
    given = environ.get("HTTP_X_REQUEST_ID", "")
    g.request_id = given if SANE_REQUEST_ID.fullmatch(given) else uuid4().hex
    if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
        _limit_body()


def _limit_body() -> None:
    """Refuse a body that is too large, on every route; one sent in chunks gets a length."""
    stream: IO[bytes] = request.environ["wsgi.input"]
    limit = request.max_content_length or 0
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        body = _read(stream, limit + 1)
        request.environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        del request.environ["HTTP_TRANSFER_ENCODING"]
    length = request.content_length or 0
    if length > limit:
        # What the client is still sending would otherwise break its connection off.
        _read(stream, min(length, LARGEST_DISCARDED))
        raise BodyTooLarge


def _read(stream: IO[bytes], most: int) -> bytes:
    try:
        return stream.read(most)
    except Exception:  # every server has errors of its own for an unreadable body
        raise BadRequest from None


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    if request.method == "OPTIONS":
        # Flask would call the nothing HTML.
        response.headers.remove("Content-Type")
    # No path that a client made up becomes a label.
    route = request.url_rule.rule if request.url_rule else "unmatched"
    number, seconds = metrics.answered(_method(), route, response.status_code)
    number.inc()
    seconds.observe(perf_counter() - g.started)
    return response


def _end(_: BaseException | None) -> None:
    metrics.in_progress_of(_method()).dec()


def _method() -> str:
    """The method, if no client made it up."""
    return request.method if request.method in METHODS else "other"
