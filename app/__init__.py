"""A self-hosted referral service."""

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface
from werkzeug.routing import MapAdapter

from app.api import BLUEPRINTS
from app.api.account_pages import init_account_pages
from app.api.bodies import init_bodies
from app.api.cors import init_cors
from app.api.hooks import Hooks
from app.api.mailbox import init_mailbox
from app.api.pages import init_pages
from app.api.proxies import Proxies
from app.api.routing import IdConverter, VersionPrefix
from app.cli import init_cli
from app.database import ENGINE_OPTIONS, init_database
from app.errors import init_errors
from app.extensions import exchange, jwt, task_queue
from app.json import Json
from app.logs import init_logs
from app.services.tokens import ALGORITHM, ISSUER
from app.settings import load_settings

LARGEST_BODY = 64 * 1024


class NoSessions(SessionInterface):
    """There are no cookies; Flask would prepare to sign one for every request."""

    def open_session(self, *_: object) -> None:
        return None


class Service(Flask):
    """Flask without what this service does not have, and Flask would look for in every request."""

    session_interface = NoSessions()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return None
        # No route depends on the host; to read that takes longer than to find the route.
        return self.url_map.bind(
            "", request.root_path, path_info=request.path, default_method=request.method
        )

    def ensure_sync(self, func: Any) -> Any:
        # There are no coroutines.
        return func

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        # Flask would call the nothing HTML.
        response.headers.remove("Content-Type")
        return response


def create_app(settings: dict[str, Any] | None = None) -> Flask:
    """The application, wired.

    :param settings: validated settings; by default those of this process.
    :raises SettingsError: the settings of this process cannot be used.
    """
    app = Service(__name__)
    app.config.from_mapping(settings or load_settings())
    app.config.update(
        SQLALCHEMY_ENGINE_OPTIONS=ENGINE_OPTIONS,
        JWT_ALGORITHM=ALGORITHM,
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=ISSUER,
        # Against forged requests with cookies, of which there are none.
        JWT_COOKIE_CSRF_PROTECT=False,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
    )
    app.json = Json(app)
    # A redirect to a tidier path would answer in HTML.
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter

    init_logs(app.config["DEVELOPMENT"])
    init_database(app)
    jwt.init_app(app)
    exchange.init_app(app.config["REDIS_URL_CACHE"])
    task_queue.init_app(app)

    init_errors(app)
    init_bodies(app)
    if app.config["CORS_ORIGINS"]:
        init_cors(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    init_pages(app)
    init_account_pages(app)
    if app.config["MAILBOX"]:
        init_mailbox(app)
    init_cli(app)
    app.wsgi_app = Hooks(VersionPrefix(app.wsgi_app))  # type: ignore[method-assign]
    if trusted := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = Proxies(app.wsgi_app, trusted)  # type: ignore[method-assign]
    return app
