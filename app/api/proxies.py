"""From whom a request comes, where proxies stand in front."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADERS = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")


class Proxies(ProxyFix):
    """WSGI middleware: believes the last so many proxies, and nothing that a client claims."""

    def __init__(self, application: "WSGIApplication", trusted: int) -> None:
        super().__init__(application, x_for=trusted, x_proto=trusted)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        for header in environ.keys() & HEADERS:
            # One that a client opens would swallow what the proxies add behind it.
            environ[header] = environ[header].replace('"', "")
        return super().__call__(environ, start_response)
