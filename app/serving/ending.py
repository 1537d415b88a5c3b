"""How the service, or a worker of it, ends without dropping a request."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from mmap import mmap
from socket import SHUT_RDWR
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# How long /readyz says that this ends before it does: what a balancer takes to notice.
DRAIN_SECONDS = max(0, int(os.environ.get("DRAIN_SECONDS") or 0))


class Worker(ThreadWorker):
    """Serves whoever got through to it, also at the very end of the service."""

    shared: mmap

    def service_ends(self) -> bool:
        """Tell whether the whole service ends, soon, and not just this worker."""
        return bool(self.shared[0])

    def set_accept_enabled(self, enabled: bool | None) -> None:
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


def when_ready(server: Any) -> None:
    # One byte, which the workers see as well.
    server.shared = mmap(-1, 1)
    # gunicorn has no hooks for these.
    server.handle_term = partial(_leave, server)
    server.manage_workers = partial(_replace_workers, server, server.manage_workers)


def post_fork(server: Any, worker: Any) -> None:
    worker.shared = server.shared


def post_worker_init(worker: Any) -> None:
    from app.services import readiness

    readiness.drain_when(worker.service_ends)


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
    deadline = time.monotonic() + server.cfg.timeout
    while len(server.WORKERS) > server.num_workers and time.monotonic() < deadline:
        if all(map(_serves, server.WORKERS.values())):
            break
        server.reap_workers()
        time.sleep(0.05)
    manage_workers()


def _serves(worker: Any) -> bool:
    # Before its first sign of life, this is the time of its making, by the clock on the wall.
    return bool(worker.tmp.last_update() <= time.monotonic())
