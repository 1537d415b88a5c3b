"""How paths are read."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.routing import BaseConverter, ValidationError

from app.models.base import MAX_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/api/v1"
VERSIONED = ("/auth/", "/referral/")


class IdConverter(BaseConverter):
    """An id in a path. What cannot be one matches no route, and so is not found."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        if int(value) > MAX_ID:
            raise ValidationError
        return int(value)


class VersionPrefix:
    """WSGI middleware: /api/v1/auth/… and /api/v1/referral/… mean what they mean without it."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        unversioned = path.removeprefix(PREFIX)
        if unversioned != path and unversioned.startswith(VERSIONED):
            environ["PATH_INFO"] = unversioned
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + PREFIX
        return self._application(environ, start_response)
