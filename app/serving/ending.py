"""How the service, or a worker of it, ends without dropping a request."""

import contextlib
import errno
import gc
import os
import signal
import time
import warnings
from collections.abc import Callable
from ctypes import addressof, create_string_buffer
from functools import partial
from logging.config import dictConfig
from mmap import mmap
from socket import SHUT_RDWR, SOL_SOCKET
from struct import pack
from typing import Any

import gevent
from gevent.event import Event
from gevent.monkey import MonkeyPatchWarning
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

# How long /readyz says that this ends before it does: what a balancer takes to notice.
DRAIN_SECONDS = max(0, int(os.environ.get("DRAIN_SECONDS") or 0))

# How long whoever has begun to connect may take to get through.
HANDSHAKE_SECONDS = 0.1

# A packet filter for a TCP socket, by its instructions (linux/filter.h, linux/bpf_common.h): of
# what begins a connection, that is whose header has SYN among the flags in byte 13, it takes 0
# bytes, and of everything else all.
LOAD_BYTE, SKIP_UNLESS_SET, TAKE = 0x30, 0x45, 0x06
SYN, FLAGS, ALL = 0x02, 13, 0xFFFFFFFF
NO_BEGINNERS = (
    (LOAD_BYTE, 0, 0, FLAGS),
    (SKIP_UNLESS_SET, 0, 1, SYN),
    (TAKE, 0, 0, 0),
    (TAKE, 0, 0, ALL),
)
# <asm-generic/socket.h>; Python does not name it.
SO_ATTACH_FILTER = 26

# After how many objects more than there were Python looks for garbage among the new ones.
YOUNG = 10_000


class Listener(StreamServer):
    """Takes connections in, until it is closed or another worker has shut the socket they share."""

    def do_read(self) -> Any:
        try:
            return super().do_read()
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return None

    def take_in_the_rest(self) -> None:
        """Take in whoever gets through, and tell the system that nobody else will be."""
        # Who connected between the last look and the end would be cut off.
        _turn_beginners_away(self.socket)
        gevent.sleep(HANDSHAKE_SECONDS)
        while connection := self.do_read():
            self.do_handle(*connection)
        # Or the system would go on connecting people whom nobody serves.
        with contextlib.suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)


class Worker(GeventWorker):
    """Serves whoever got through to it, also at the very end of the service."""

    shared: mmap

    def service_ends(self) -> bool:
        """Tell whether the whole service ends, soon, and not just this worker."""
        return bool(self.shared[0])

    def init_process(self) -> None:
        self._leaving = Event()
        super().init_process()

    def patch(self) -> None:
        with warnings.catch_warnings():
            # The master has read redis.asyncio, which has hold of ssl and which nobody uses.
            warnings.simplefilter("ignore", MonkeyPatchWarning)
            super().patch()

    def handle_exit(self, sig: int, frame: Any) -> None:
        super().handle_exit(sig, frame)
        self._leaving.set()

    def run(self) -> None:
        listeners = [self._listen_at(socket) for socket in self.sockets]
        while self.alive:
            self.notify()
            self._leaving.wait(1)
        for listener in listeners:
            # It is closed with the process: whoever was taken in a moment ago asks for its name.
            listener.stop_accepting()
            if self.service_ends():
                listener.take_in_the_rest()
        self._finish(listeners)

    def handle_request(self, *args: Any) -> Any:
        kept = super().handle_request(*args)
        # Or whoever asks again at once would be served again before those who wait.
        gevent.sleep(0)
        return kept

    def _listen_at(self, socket: Any) -> Listener:
        listener = Listener(
            socket, handle=partial(self.handle, socket), spawn=Pool(self.worker_connections)
        )
        # One at a time, or the first of several workers to wake would take them all.
        listener.max_accept = 1
        listener.start()
        return listener

    def _finish(self, listeners: list[Listener]) -> None:
        """Let those who are being served be served, within graceful_timeout."""
        deadline = time.monotonic() + self.cfg.graceful_timeout
        for listener in listeners:
            while listener.pool and time.monotonic() < deadline:
                self.notify()
                listener.pool.join(timeout=1)


def _turn_beginners_away(listening: Any) -> None:
    """Let nobody begin to connect: they try again, in a second as a rule, and are refused then."""
    program = create_string_buffer(b"".join(pack("HBBI", *each) for each in NO_BEGINNERS))
    with contextlib.suppress(OSError):
        listening.setsockopt(
            SOL_SOCKET, SO_ATTACH_FILTER, pack("HP", len(NO_BEGINNERS), addressof(program))
        )


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
    # The application stays: to look through all of it for garbage takes a tenth of a second, in
    # which nobody is served.
    gc.collect()
    gc.freeze()
    # What a request leaves behind is mostly counted, and looked through less often.
    gc.set_threshold(YOUNG)


def worker_exit(server: Any, worker: Any) -> None:
    # The handlers of logs have locks of gevent's, which would be gone before them.
    dictConfig({"version": 1})


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
