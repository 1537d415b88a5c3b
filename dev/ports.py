"""TCP ports on loopback."""

import random
import socket

# Below the range that systems hand to outgoing connections, so that nothing takes
# a server's port while the server restarts.
_CANDIDATES = range(15_000, 30_000)

# Whoever was given one may listen on it only later.
_given: set[int] = set()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers in TIME_WAIT does not make the port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a port nobody listens on, another each time."""
    ports = random.sample(_CANDIDATES, len(_CANDIDATES))
    chosen = next(port for port in ports if port not in _given and is_free(port))
    _given.add(chosen)
    return chosen
