"""Which programs of other origins may call the API from a browser (Fetch standard, CORS)."""

import re

from flask import Flask, Response, request
from flask_cors import CORS

PATHS = re.compile(r"/(auth|referral|api/v1)/")
ASKED_AGAIN_SECONDS = 3600


def init_cors(app: Flask) -> None:
    """Let those of `CORS_ORIGINS` in, who send their tokens themselves: there are no cookies."""
    allowed = "|".join(map(re.escape, app.config["CORS_ORIGINS"]))
    CORS(
        app,
        resources=PATHS,
        # As one pattern: the library would take an IPv6 address for a pattern of its own.
        origins=re.compile(rf"(?:{allowed})\Z"),
        methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", "Accept-Language"],
        expose_headers=[
            "Retry-After",
            "WWW-Authenticate",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-Request-ID",
        ],
        max_age=ASKED_AGAIN_SECONDS,
        vary_header=False,  # the library sends it only to origins that it lets in
    )
    app.after_request(_vary)


def _vary(response: Response) -> Response:
    if PATHS.match(request.path):
        response.vary.add("Origin")
    return response
