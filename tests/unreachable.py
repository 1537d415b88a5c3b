"""A server that nobody gets through to, such as one whose machine is gone."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# More than wait for a server that takes in nobody.
CROWD = 4


@contextmanager
def unreachable() -> Iterator[int]:
    """Its port, where whoever connects is not answered: not let in, nor turned away."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(CROWD):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]
