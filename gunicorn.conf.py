"""How gunicorn serves: `gunicorn wsgi:app` reads this by itself."""

import contextlib
import errno
import json
import logging
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from http import HTTPMethod, HTTPStatus
from importlib import import_module
from mmap import mmap
from pathlib import Path
from socket import SHUT_RDWR
from types import ModuleType
from typing import Any
from uuid import uuid4

from gunicorn import glogging, util
from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """Serves whoever got through to it, also at the very end of the service."""

    shared: mmap

    def service_ends(self) -> bool:
        """Tell whether the whole service ends, soon, and not just this worker."""
        return bool(self.shared[0])

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if self.service_ends() and not self.alive:
            for listener in self.sockets:
                self._accept_the_rest(listener)
                # Or the system would go on connecting people whom nobody serves.
                with contextlib.suppress(OSError):
                    listener.shutdown(SHUT_RDWR)

    def _accept_the_rest(self, listener: Any) -> None:
        before = -1
        while before < self.nr_conns:
            before = self.nr_conns
            self.accept(listener)

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            # The other worker was faster in shutting it.
            if error.errno != errno.EINVAL:
                raise


# Measured on two cores: gevent answers a third more cached look-ups a second, as many log-ins, and
# leaves a process standing while a password is hashed or Hunter is asked, for neither yields to it;
# the sync class has no kept-alive connections for a proxy. Threads that wait for PostgreSQL, a lock
# or Hunter hold up nobody else.
worker_class = Worker
# One for each core: with twice as many, log-ins and look-ups are no faster and take more memory.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
timeout = 30
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
# No header of anybody's moves the path, and which proxies to believe the application decides. A
# socket in a file is believed whatever the second of these says.
forwarder_headers = ""
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
# It would lie in the home folder, one for all.
control_socket_disable = True


# What neither an address nor a token looks like, nor the end of a line.
PLAIN = re.compile(r"[\w.~-]{0,32}", re.ASCII)


class Logger(glogging.Logger):
    """Writes as the application does, and nothing of a request that may be a secret."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # What gunicorn says for debugging is what was sent, and the settings.
        self.error_log.setLevel(max(self.loglevel, logging.INFO))
        formatter = _read_anew("logs").formatter(_is_development())
        for handler in self.error_log.handlers + self.access_log.handlers:
            handler.setFormatter(formatter)

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        atoms = self.atoms(resp, req, environ, request_time)
        fields = {
            "remote": atoms["h"],
            "method": atoms["m"] if atoms["m"] in HTTPMethod.__members__ else "other",
            "path": _plain(environ["RAW_URI"].partition("?")[0]),
            "status": int(atoms["s"]),
            "bytes": atoms["B"],
            "ms": atoms["M"],
            "request_id": atoms.get("{x-request-id}o"),
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


def _read_anew(module: str) -> ModuleType:
    """A module of the application, for the master alone.

    Were it kept, with those it imports, the workers would not read them again after a reload.
    """
    kept = _take_out_the_application()
    # The master has no use for all of the application.
    sys.modules["app"] = package = ModuleType("app")
    package.__path__ = [str(Path(__file__).parent / "app")]
    try:
        return import_module(f"app.{module}")
    finally:
        _take_out_the_application()
        sys.modules.update(kept)


def _take_out_the_application() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == "app"]
    return {name: sys.modules.pop(name) for name in names}


def _is_development() -> bool:
    settings = _read_anew("settings")
    try:
        return bool(settings.load_settings()["DEVELOPMENT"])
    except settings.SettingsError:
        # As on_starting and the workers will say.
        return False


logger_class = Logger
accesslog = "-"

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
    # Before there are workers, which would be started again and again.
    settings = _read_anew("settings")
    try:
        settings.load_settings()
    except settings.SettingsError as error:
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


# How long /readyz says that this ends before it does: what a balancer takes to notice.
DRAIN_SECONDS = int(os.environ.get("DRAIN_SECONDS") or 0)


def when_ready(server: Any) -> None:
    # One byte, which the workers see as well.
    server.shared = mmap(-1, 1)
    # gunicorn has no hooks for these.
    server.handle_term = partial(_leave, server)
    server.manage_workers = partial(_replace_workers, server, server.manage_workers)


def _leave(server: Any) -> None:
    """Let it be seen at /readyz; end DRAIN_SECONDS later, or at the next SIGTERM."""
    # Whatever comes next ends it.
    del server.handle_term
    another_listens = server.reexec_pid or server.master_pid or server.systemd
    if not another_listens:
        server.shared[0] = True
    if another_listens or not DRAIN_SECONDS:
        server.handle_term()
    signal.signal(signal.SIGALRM, lambda *_: server.signal(signal.SIGTERM, None))
    signal.alarm(DRAIN_SECONDS)


def _replace_workers(server: Any, manage_workers: Callable[[], None]) -> None:
    """Let old workers serve until those in their places do, or nobody would meanwhile."""
    deadline = time.monotonic() + timeout
    while len(server.WORKERS) > server.num_workers and time.monotonic() < deadline:
        if all(map(_serves, server.WORKERS.values())):
            break
        server.reap_workers()
        time.sleep(0.05)
    manage_workers()


def _serves(worker: Any) -> bool:
    # Before its first sign of life, this is the time of its making, by the clock on the wall.
    return bool(worker.tmp.last_update() <= time.monotonic())


def post_fork(server: Any, worker: Any) -> None:
    worker.shared = server.shared


def post_worker_init(worker: Any) -> None:
    from app.services import readiness

    readiness.drain_when(worker.service_ends)


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def write_problem(sock: Any, status_int: int, reason: str, mesg: str) -> None:
    """What gunicorn refuses before the application sees it is a problem (RFC 9457) as well."""
    request_id = uuid4().hex
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
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    util.write_nonblock(sock, (head + body).encode("ascii"))


# gunicorn has no setting for this; its own answer is HTML.
util.write_error = write_problem
