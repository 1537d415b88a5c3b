"""What gunicorn refuses before the application sees it."""

import json
import logging
import sys
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from gunicorn import util


def write_problem(sock: Any, status_int: int, reason: str, mesg: str) -> None:
    """Answer with a problem (RFC 9457), as the application does."""
    request_id = uuid4().hex
    # gunicorn calls it a bad request.
    if status_int == HTTPStatus.NOT_IMPLEMENTED:
        reason = HTTPStatus.NOT_IMPLEMENTED.phrase
    logging.getLogger("gunicorn.error").warning(
        "%s for %s",
        status_int,
        sys.exc_info()[1],
        extra={"request_id": request_id, "status": status_int},
    )
    crashed = status_int == HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "Something went wrong here." if crashed else "The request is not one that can be read."
    body = json.dumps(
        {
            "type": "about:blank",
            "title": reason,
            "status": status_int,
            "detail": detail,
            "code": "internal_error" if crashed else reason.lower().replace(" ", "_"),
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    util.write_nonblock(sock, (head + body).encode("ascii"))
