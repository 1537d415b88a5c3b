"""The documentation pages: one OpenAPI document, in Swagger UI and in Redoc."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from flasgger import Swagger  # type: ignore[import-untyped]
from flask import Flask, Response, make_response, render_template
from flask.typing import ResponseReturnValue

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # The hash is that of nothing: Redoc adds empty style elements and fills them by script.
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "img-src 'self' data:",  # icons inside Swagger UI's style sheet, Redoc's logo
        "font-src data:",  # Redoc's icons
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def init_pages(app: Flask, document: dict[str, Any]) -> None:
    """Serve `document` at /openapi.json, and the two pages that show it."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600
    title = document["info"]["title"]
    config = _flasgger_config(app) | {"openapi": document["openapi"], "title": title}
    Swagger(app, config=config, template=document, decorators=[_as_page], merge=True)
    redoc = partial(render_template, "redoc.html", title=title)
    app.add_url_rule("/redoc", "redoc", _as_page(redoc))


def _flasgger_config(app: Flask) -> dict[str, Any]:
    return {
        # The document is complete: flasgger is to find nothing in the views.
        "specs": [
            {"endpoint": "openapi", "route": "/openapi.json", "rule_filter": lambda rule: False}
        ],
        "specs_route": "/swagger",
        # Two routes that flasgger insists on, and that would serve its UI of 2020: one ends
        # behind the page, where it is never reached, the other leads to our own files.
        "oauth_redirect": "/swagger",
        "static_folder": f"{app.static_folder}/swagger-ui",
        "static_url_path": f"{app.static_url_path}/swagger-ui",
    }


def _as_page(view: Callable[..., ResponseReturnValue]) -> Callable[..., Response]:
    @wraps(view)
    def page(*args: Any, **kwargs: Any) -> Response:
        response = make_response(view(*args, **kwargs))
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    return page
