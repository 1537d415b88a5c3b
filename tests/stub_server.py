"""A service outside: a web server on loopback that answers, or fails to, as a test tells it."""

import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

Behaviour = Callable[["Handler"], None]

FLOOD_BYTES = 10 * 1024 * 1024
TRICKLE_SECONDS = 0.02


class Received(NamedTuple):
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


class Handler(BaseHTTPRequestHandler):
    """Notes each request and does as told, then closes the connection."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.received.append(Received(self.command, self.path, dict(self.headers)))
        with suppress(OSError):  # the client has had enough
            self.server.answer(self)

    def do_CONNECT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.answer: Behaviour = gives({})
        self.closing = Event()

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is what some tests want."""


class StubServer:
    """The server, for the length of a `with` block; `answer` may be set at any time.

    :param certificate: a file with a certificate and its key, to speak TLS.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self._server = Server()
        self._scheme = "http"
        if certificate:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        serve = {"poll_interval": 0.01}
        self._thread = Thread(target=self._server.serve_forever, kwargs=serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, host: str = "127.0.0.1", path: str = "/find") -> str:
        return f"{self._scheme}://{host}:{self._server.server_port}{path}"

    @property
    def received(self) -> list[Received]:
        """The requests so far, the oldest first."""
        return self._server.received

    @property
    def answer(self) -> Behaviour:
        return self._server.answer

    @answer.setter
    def answer(self, behaviour: Behaviour) -> None:
        self._server.answer = behaviour


def gives(body: Any, status: int = 200) -> Behaviour:
    """Answer with this as JSON."""
    return sends(json.dumps(body).encode(), status)


def sends(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """Answer with these bytes; `Content_Encoding="gzip"` and the like add headers."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hangs(handler: Handler) -> None:
    """Never answer."""
    handler.server.closing.wait()


def hangs_in_the_body(handler: Handler) -> None:
    """Answer with a body of which only the first bytes ever come."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"data":')
    handler.server.closing.wait()


def trickles(handler: Handler) -> None:
    """Answer with headers that never end, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.closing.wait(TRICKLE_SECONDS):
        handler.wfile.write(b"a")


def floods(handler: Handler) -> None:
    """Answer with 10 MB, as long as the length says."""
    sends(b" " * FLOOD_BYTES)(handler)


def floods_in_chunks(handler: Handler) -> None:
    """Answer with 10 MB in chunks, whose sum nobody knows beforehand."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(FLOOD_BYTES // 65_536):
        handler.wfile.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


def floods_until_it_closes(handler: Handler) -> None:
    """Answer with 10 MB and no length at all."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b" " * FLOOD_BYTES)


def redirects(location: str, status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return sends(b"", status, Location=location)


def closes_early(handler: Handler) -> None:
    """Answer with less than the length says."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{}")


def closes_at_once(handler: Handler) -> None:
    """Answer with nothing."""


def stammers(handler: Handler) -> None:
    """Answer with what is not HTTP."""
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n")
