"""The log of gunicorn, the access log included."""

import logging
import re
from datetime import timedelta
from http import HTTPMethod
from typing import Any

from gunicorn import glogging

from app.logs import formatter
from app.settings import SettingsError, load_settings

REQUEST_ID = "X-Request-ID"
MILLISECOND = timedelta(milliseconds=1)

# What neither an address nor a token looks like, nor the end of a line.
PLAIN = re.compile(r"[\w.~-]{0,32}", re.ASCII)


class Logger(glogging.Logger):
    """Writes as the application does, and nothing of a request that may be a secret."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # What gunicorn says for debugging is what was sent, and the settings.
        self.error_log.setLevel(max(self.loglevel, logging.INFO))
        line = formatter(_is_development())
        for handler in self.error_log.handlers + self.access_log.handlers:
            handler.setFormatter(line)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        method = environ["REQUEST_METHOD"]
        fields = {
            "remote": environ.get("REMOTE_ADDR", "-"),
            "method": method if method in HTTPMethod.__members__ else "other",
            "path": _plain(environ["RAW_URI"].partition("?")[0]),
            "status": int(resp.status.split()[0]),
            "bytes": resp.sent,
            "ms": request_time // MILLISECOND,
            "request_id": next((value for name, value in resp.headers if name == REQUEST_ID), None),
        }
        line = "%(remote)s %(method)s %(path)s %(status)s %(bytes)sB %(ms)sms"
        self.access_log.info(line, fields, extra=fields)

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        # It quotes what was sent; write_problem says it without.
        if not str(msg).startswith("Invalid request from ip="):
            super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        # The arguments are the method and the target of a request, with its query.
        super().exception(str(msg).partition(" %s")[0], **kwargs)


def _plain(path: str) -> str:
    """The path, without those of its parts that may say who or by what right."""
    return "/".join(part if PLAIN.fullmatch(part) else "*" for part in path.split("/"))


def _is_development() -> bool:
    try:
        return bool(load_settings()["DEVELOPMENT"])
    except SettingsError:
        # As gunicorn.conf.py and the workers will say.
        return False
