"""The documentation pages: one OpenAPI document, in Swagger UI and in Redoc."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from flasgger import Swagger
from flask import Flask, Response, make_response, render_template
from flask.typing import ResponseReturnValue

from app.api.openapi import OPENAPI, TITLE, describe

FILES_OF_OURS_ONLY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
DOCUMENTATION = "; ".join(
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


class Documentation(Swagger):  # type: ignore[misc]
    """The document, made when it is first asked for: most processes are never asked."""

    template: dict[str, Any] | None

    def get_apispecs(self, endpoint: str = "openapi") -> Any:
        if self.template is None:
            self.template = describe(self.app)
        return super().get_apispecs(endpoint)


def init_pages(app: Flask) -> None:
    """Serve the document at /openapi.json, and the two pages that show it."""
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600
    config = {
        "openapi": OPENAPI,
        # flasgger's own page is of 2020, and takes any document a stranger's link names.
        "swagger_ui": False,
        # The document is complete: flasgger is to find nothing in the views.
        "specs": [
            {"endpoint": "openapi", "route": "/openapi.json", "rule_filter": lambda rule: False}
        ],
    }
    as_documentation = partial(as_page, policy=DOCUMENTATION)
    Documentation(app, config=config, decorators=[as_documentation], merge=True)
    for name in ("swagger", "redoc"):
        view = partial(render_template, f"{name}.html", title=TITLE)
        app.add_url_rule(f"/{name}", name, as_documentation(view))


def as_page(
    view: Callable[..., ResponseReturnValue],
    policy: str = FILES_OF_OURS_ONLY,
    caching: str = "no-cache",
) -> Callable[..., Response]:
    """Send what the view gives as a page that may load and do only what the policy says."""

    @wraps(view)
    def page(*args: Any, **kwargs: Any) -> Response:
        response = make_response(view(*args, **kwargs))
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = caching
        return response

    return page
