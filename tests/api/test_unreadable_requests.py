"""What is no HTTP, or hardly, is the client's fault and answered as a problem."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest

from app.api.bodies import LARGEST_DISCARDED
from tests.deployed.service import Service

pytestmark = pytest.mark.xdist_group("unreadable_requests")

LOGIN = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"
ME = b"GET /auth/me HTTP/1.1\r\nHost: x\r\n"

UNREADABLE = {
    "noise": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "no version": b"GET /healthz\r\nHost: x\r\n\r\n",
    "a version there is none of": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "a bare path of bytes": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header's name with a blank": ME + b"A header: x\r\n\r\n",
    "a header without a colon": ME + b"Header\r\n\r\n",
    "a header with NUL": ME + b"A: \0\r\n\r\n",
    "too long a line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long a header": ME + b"A: " + b"a" * 100_000 + b"\r\n\r\n",
    "too many headers": ME + b"".join(b"A%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "a length of letters": LOGIN + b"Content-Length: abc\r\n\r\n{}",
    "a negative length": LOGIN + b"Content-Length: -1\r\n\r\n{}",
    "two lengths": LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": LOGIN
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk of letters": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk of less than nothing": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "too long a trailer": CHUNKED + b"2\r\n{}\r\n0\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
    "Basic with bytes": ME + b"Authorization: Basic \xff\r\n\r\n",
    "Basic with noise": ME + b"Authorization: Basic =\r\n\r\n",
    "Digest with noise": ME + b'Authorization: Digest a="\r\n\r\n',
    "Bearer with bytes": ME + b"Authorization: Bearer \xff\xfe\r\n\r\n",
    "Bearer with nothing": ME + b"Authorization: Bearer\r\n\r\n",
    "Bearer of 8 KB": ME + b"Authorization: Bearer " + b"a" * 8000 + b"\r\n\r\n",
    "two Authorizations": ME + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "an expectation nobody meets": LOGIN + b"Expect: a pony\r\nContent-Length: 2\r\n\r\n{}",
    "a cookie of bytes": ME + b"Cookie: \xff=\x7f;;==\r\n\r\n",
    "a host that is none": b"GET /nothing HTTP/1.1\r\nHost: []:x\r\n\r\n",
    "a script's name": ME + b"SCRIPT_NAME: /x\r\n\r\n",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def service(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(settings_file, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.mark.parametrize("request_", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_request_is_the_clients_fault(service: Service, request_: bytes) -> None:
    answer = send(service, request_)
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_crash(service: Service) -> None:
    for head in (LOGIN + b"Content-Length: 100\r\n\r\n{", CHUNKED + b"100\r\n{"):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(head)
            connection.shutdown(socket.SHUT_WR)
            assert b"500" not in read_all(connection).partition(b"\r\n")[0]


@pytest.mark.parametrize("head", [LOGIN + b"Content-Length: %d\r\n\r\n", CHUNKED + b"%x\r\n"])
def test_of_a_body_that_is_much_too_large_only_some_is_waited_for(
    service: Service, head: bytes
) -> None:
    head %= LARGEST_DISCARDED + 1
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(head + b" " * LARGEST_DISCARDED)
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
        assert answer.headers["Connection"] == "close"


def send(service: Service, request: bytes) -> Answer:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        head, _, rest = request.partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\nConnection: close\r\n\r\n" + rest)
        return parse(read_all(connection))


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side has no more to say."""
    received = b""
    try:
        while part := connection.recv(65_536):
            received += part
    except ConnectionResetError:
        # It did not read all of ours; its answer is here nevertheless.
        pass
    return received


def parse(response: bytes) -> Answer:
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.partition(": ") for line in lines)
    status = int(first.split(" ")[1])
    return Answer(status, {name.lower(): value for name, _, value in headers}, body)
