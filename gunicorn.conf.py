"""How gunicorn serves: `gunicorn wsgi:app` reads this by itself."""

import contextlib
import json
import os
import runpy
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from gunicorn import glogging, util

# Measured on two cores: gevent answers a third more cached look-ups a second, as many log-ins, and
# leaves a process standing while a password is hashed or Hunter is asked, for neither yields to it;
# the sync class has no kept-alive connections for a proxy. Threads that wait for PostgreSQL, a lock
# or Hunter hold up nobody else.
worker_class = "gthread"
# One for each core: with twice as many, log-ins and look-ups are no faster and take more memory.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
timeout = 30
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
# No header of anybody's moves the path.
forwarder_headers = ""
# It would lie in the home folder, one for all.
control_socket_disable = True


class Logger(glogging.Logger):
    """Writes a path as it was sent: decoded, it could hold the end of a line and a forged one."""

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> Any:
        path = quote(environ.get("PATH_INFO", "").encode("latin-1"))
        return super().atoms(resp, req, environ, request_time) | {"U": path}


logger_class = Logger
accesslog = "-"
# The path without its query, where an e-mail address may stand.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)sB %(M)sms [%({x-request-id}o)s]'

# prometheus_client reads this when it is imported: every worker writes its counts there.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
if METRICS not in os.environ:
    os.environ[METRICS] = tempfile.mkdtemp(prefix="referral-metrics-")


def on_starting(server: Any) -> None:
    _check_settings(server)
    folder = Path(os.environ[METRICS])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What an earlier run left there would be counted again.
    _forget_counts(folder)


def _check_settings(server: Any) -> None:
    # Before there are workers, which would be started again and again; by path, for a module that
    # is imported here would not be read anew at a reload.
    settings = runpy.run_path(str(Path(__file__).parent / "app" / "settings.py"))
    try:
        settings["load_settings"]()
    except settings["SettingsError"] as error:
        on_exit(server)
        sys.exit(str(error))


def on_exit(server: Any) -> None:
    folder = Path(os.environ[METRICS])
    _forget_counts(folder)
    # Celery's workers have folders of their own in it, if it was given.
    with contextlib.suppress(OSError):
        folder.rmdir()


def _forget_counts(folder: Path) -> None:
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def write_problem(sock: Any, status_int: int, reason: str, mesg: str) -> None:
    """What gunicorn refuses before the application sees it is a problem (RFC 9457) as well."""
    request_id = uuid4().hex
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
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    util.write_nonblock(sock, (head + body).encode("ascii"))


# gunicorn has no setting for this; its own answer is HTML.
util.write_error = write_problem
