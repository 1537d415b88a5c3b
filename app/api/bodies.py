"""How large a body may be, on every route."""

from io import BytesIO
from typing import IO

from flask import Flask, request
from werkzeug.exceptions import BadRequest

from app.errors import BodyTooLarge

LARGEST_DISCARDED = 4 * 1024 * 1024


def init_bodies(app: Flask) -> None:
    """Refuse larger ones before anything else is done."""
    app.before_request(_limit)


def _limit() -> None:
    environ = request.environ
    if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
        _limit_body()


def _limit_body() -> None:
    """Refuse a body that is too large; one sent in chunks gets a length."""
    stream: IO[bytes] = request.environ["wsgi.input"]
    limit = request.max_content_length or 0
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        body = _read(stream, limit + 1)
        request.environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        del request.environ["HTTP_TRANSFER_ENCODING"]
        unread = LARGEST_DISCARDED - len(body)
    else:
        unread = min(request.content_length or 0, LARGEST_DISCARDED)
    if (request.content_length or 0) > limit:
        # What the client is still sending would otherwise break its connection off.
        _read(stream, unread)
        raise BodyTooLarge


def _read(stream: IO[bytes], most: int) -> bytes:
    try:
        return stream.read(most)
    except Exception:  # every server has errors of its own for an unreadable body
        raise BadRequest from None
