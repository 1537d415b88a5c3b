"""How gunicorn serves: `gunicorn wsgi:app` reads this by itself."""

import contextlib
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi


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


ending = _read_anew("serving.ending")

# One thread serves a process, and turns to another request wherever one waits. Threads give half
# as many bare answers a second, for they wait for each other; the sync class has no kept-alive
# connections for a proxy. What does not wait but compute has a thread of its own: `app/native.py`.
worker_class = ending.Worker
# One for each core: with twice as many, log-ins and look-ups are no faster and take more memory.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
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

logger_class = _read_anew("serving.logger").Logger
accesslog = "-"

# prometheus_client reads this when it is imported: every worker writes its counts there.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
if METRICS not in os.environ:
    os.environ[METRICS] = tempfile.mkdtemp(prefix="referral-metrics-")


# What the application refuses without reading all of it: app/api/bodies.py.
LARGEST_DISCARDED = 4 * 1024 * 1024


def pre_request(worker: Any, request: Any) -> None:
    headers = dict(request.headers)
    if "TRANSFER-ENCODING" in headers or int(headers.get("CONTENT-LENGTH", 0)) > LARGEST_DISCARDED:
        # gunicorn would read to the end, however far that is, before the connection's next request.
        request.force_close()


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


when_ready = ending.when_ready
post_fork = ending.post_fork
post_worker_init = ending.post_worker_init
worker_exit = ending.worker_exit


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


# gunicorn has no settings for these. Its own answer to what it cannot read is HTML.
wsgi.Response = _read_anew("serving.answers").Answer  # type: ignore[misc]
util.write_error = _read_anew("serving.problems").write_problem
