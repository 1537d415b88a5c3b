"""Stands between the service and PostgreSQL, and loses what is said of a COMMIT."""

import select
import socket
import struct
from contextlib import closing, suppress
from itertools import count
from threading import Event, Thread
from typing import Self

PIECE = 64 * 1024
COMMIT = b"COMMIT\x00"
# Of the commits, while they are lost, every third is.
EVERY = 3
# Whoever closes with it resets the connection.
AT_ONCE = struct.pack("ii", 1, 0)


class Proxy:
    """Passes everything on, for the length of a `with` block.

    While it is `losing`, some commits are done and the reply is lost, and others are lost on their
    way; the service sees its connection reset, and cannot tell one from the other.

    :ivar target: the port where PostgreSQL listens.
    :ivar lost: how many commits it has been so far.
    """

    target = 0

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.losing = Event()
        self.lost = 0
        self._commits = count(1)

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                service, _ = self._listener.accept()
                Thread(target=self._serve, args=(service,), daemon=True).start()

    def _serve(self, service: socket.socket) -> None:
        address = ("127.0.0.1", self.target)
        with (
            closing(service),
            suppress(OSError),
            closing(socket.create_connection(address)) as postgres,
        ):
            self._pass_on(service, postgres)

    def _pass_on(self, service: socket.socket, postgres: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([service, postgres], [], [])
            for one, other in ((service, postgres), (postgres, service)):
                if one in ready:
                    piece = one.recv(PIECE)
                    if not piece:
                        return
                    if one is service and piece.endswith(COMMIT) and self._is_to_be_lost():
                        self._lose(piece, service, postgres)
                        return
                    other.sendall(piece)

    def _is_to_be_lost(self) -> bool:
        return self.losing.is_set() and next(self._commits) % EVERY == 0

    def _lose(self, commit: bytes, service: socket.socket, postgres: socket.socket) -> None:
        self.lost += 1
        if self.lost % 2:
            postgres.sendall(commit)
            postgres.recv(PIECE)
        service.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
