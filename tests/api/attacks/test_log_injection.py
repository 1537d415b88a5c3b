"""Nobody writes a line of the log but the service, nor commands to whoever reads it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service

pytestmark = pytest.mark.xdist_group("log_injection")

LINE = '{"level":"CRITICAL","logger":"canary","message":"all is lost"}'
# Each ends a line to some reader, or is a command to a terminal.
ENDS = ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1e", "\x85", "\u2028", "\u2029", "\x1b[2K\x1b[1A"]
FIELDS = ["X-Request-ID", "User-Agent", "Referer", "X-Forwarded-For", "Accept-Language", "Cookie"]
LAST = "the-last-request"


@pytest.fixture(scope="module")
def service(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that writes as in production."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFERRAL_DEVELOPMENT", "false")
        service = Service(settings_file, tmp_path_factory.mktemp("service"))
    with service:
        yield service


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_whatever_is_sent_a_line_is_one_of_the_services(service: Service, end: str) -> None:
    requests = list(attempts(f"x{end}{LINE}{end}"))
    for number, request in enumerate(requests):
        send(service, request.encode(), f"{LAST}-{ord(end[0])}-{number}")
    last = f"{LAST}-{ord(end[0])}-{len(requests) - 1}"
    wait_until(lambda: last in service.access_log.read_text(), "line of the last request", 10)
    assert "\x1b" not in service.logged()
    for log in (service.access_log, service.error_log):
        # As a program splits lines, and as Python does.
        text = log.read_bytes().decode()
        assert text.splitlines() == text.removesuffix("\n").split("\n")
        for line in text.splitlines():
            assert json.loads(line)["logger"] != "canary"


def attempts(payload: str) -> Iterator[str]:
    """Requests with the payload in each place, percent-encoded and as it is."""
    for written in (quote(payload), payload):
        yield f"GET /auth/{written} HTTP/1.1\r\nHost: x\r\n"
        yield f"GET /auth/me?email={written} HTTP/1.1\r\nHost: x\r\n"
        yield f"{written} /auth/me HTTP/1.1\r\nHost: x\r\n"
        yield f"GET /auth/me HTTP/1.1\r\nHost: {written}\r\n"
        for name in FIELDS:
            yield f"GET /auth/me HTTP/1.1\r\nHost: x\r\n{name}: {written}\r\n"
    body = json.dumps({"email": payload, "password": payload, payload: payload})
    head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    yield f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
    # That the last is there tells that the others are.
    yield "GET /healthz HTTP/1.1\r\nHost: x\r\n"


def send(service: Service, request: bytes, request_id: str) -> None:
    """Whatever comes of it."""
    head, _, body = request.partition(b"\r\n\r\n")
    own = f"\r\nX-Request-ID: {request_id}\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head.removesuffix(b"\r\n") + own + body)
        try:
            while connection.recv(65_536):
                pass
        except ConnectionResetError:
            pass
