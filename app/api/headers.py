"""What every answer tells a browser it may do with it, unless the view says otherwise."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# As OWASP's secure headers project recommends. The one about TLS is for the proxy to say.
DEFAULTS = {
    # Every answer is true when it is given, and may not be a moment later.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    # It does not concern the programs of CORS_ORIGINS, whose requests are those of CORS.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # For browsers too old for frame-ancestors.
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """WSGI middleware: puts these into every answer that does not have them."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, _completed(headers), *error)

        return self._application(environ, start)


def _completed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    given = {name for name, _ in headers}
    return headers + [(name, value) for name, value in DEFAULTS.items() if name not in given]
