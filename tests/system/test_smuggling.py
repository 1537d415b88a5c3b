"""No request hides in another: not past nginx, and not from gunicorn where that stands alone."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service
from tests.endings import Sql
from tests.problems import assert_problem
from tests.system.nginx import Nginx

BODY = b'{"email": "hidden@example.com"}'
JSON = b"Host: x\r\nContent-Type: application/json\r\n"
# It leaves a mail to be sent wherever it is taken for a request.
HIDDEN = (
    b"POST /auth/reset_password HTTP/1.1\r\n"
    + JSON
    + b"X-Request-ID: hidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    + BODY
)
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Request-ID: hidden\r\nConnection: close\r\n\r\n"
LOGIN = b"POST /auth/login HTTP/1.1\r\n" + JSON
CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"
NO_CHUNKS = b"0\r\n\r\n"
# How long it may take to answer, and once more, seconds.
PATIENCE, FURTHER_PATIENCE = 3, 0.5

TWO_LENGTHS = [
    (b"Content-Length: 0", b"Content-Length: %d"),
    (b"Content-Length: %d", b"Content-Length: 0"),
    (b"Content-Length: 0", b"content-length:%d"),
    (b"Content-Length: 0, %d",),
    (b"Content-Length: %d, 0",),
    (b"Content-Length: 0 %d",),
    (b"Content-Length: 0\n %d",),
    (b"Content-Length: 0\r\n %d",),
    (b"Content-Length: 0\nContent-Length: %d",),
    (b"Content-Length: 0\rContent-Length: %d",),
    (b"Content-Length : %d", b"Content-Length: 0"),
]
# What a lenient reader takes for no length at all, or for one of nothing.
ODD_LENGTHS = [
    *(b"+0", b"-0", b"-1", b"0x0", b"0;", b"0.0", b"0e9", b"1_0", b"", b" ", b"\x0b0", b"0\x00"),
    *(b"\xd9\xa0", b"18446744073709551616", b"4294967296", b"9" * 40),
]
# Beside a length, what one reader takes for `Transfer-Encoding: chunked` and another does not.
ENCODINGS = [
    b"Transfer-Encoding: chunked",
    b"transfer-encoding:CHUNKED",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\n chunked",
    b"X: x\nTransfer-Encoding: chunked",
    b"X: x\rTransfer-Encoding: chunked",
    b"Transfer-Encoding\n: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x0c",
    b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: \xa0chunked",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding : chunked\r\nConnection: Content-Length",
    b"Transfer-Encoding: chunked\r\nExpect: 100-continue",
    b"Transfer-Encoding: chunked\r\nUpgrade: h2c\r\nConnection: Upgrade",
]
# The sizes of a chunk of two bytes, and of what stands behind.
ODD_CHUNKS = [
    *(b"0x2", b"+2", b"-2", b" 2", b"2_0", b"2.0", b"2g", b"", b"\x0b2", b"2\x00", b"\xd9\xa2"),
    *(b"10000000000000002", b"FFFFFFFFFFFFFFFF"),
]
ODD_ENDS = [b"{}0\r\n\r\n", b"{}\r0\r\n\r\n", b"{}xx0\r\n\r\n", b"{}"]


def of_two_lengths() -> Iterator[tuple[str, bytes]]:
    for lines in TWO_LENGTHS:
        head = b"".join(line + b"\r\n" for line in lines)
        head = head % len(HIDDEN)
        yield f"two lengths {lines!r}", LOGIN + head + b"\r\n" + HIDDEN


def of_odd_lengths() -> Iterator[tuple[str, bytes]]:
    for length in ODD_LENGTHS:
        yield f"length {length!r}", LOGIN + b"Content-Length: " + length + b"\r\n\r\n" + HIDDEN


def of_a_length_and_chunks() -> Iterator[tuple[str, bytes]]:
    behind = NO_CHUNKS + HIDDEN
    within = b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + NO_CHUNKS
    size = len(within.partition(b"\r\n")[0]) + 2
    for encoding in ENCODINGS:
        by_length = LOGIN + b"Content-Length: %d\r\n" % len(behind) + encoding
        yield f"behind what is {encoding!r}", by_length + b"\r\n\r\n" + behind
        by_chunks = LOGIN + encoding + b"\r\nContent-Length: %d" % size
        yield f"within what is {encoding!r}", by_chunks + b"\r\n\r\n" + within
    # It is another header.
    underscore = LOGIN + b"Transfer_Encoding: chunked\r\nContent-Length: %d" % len(behind)
    yield "an underscore", underscore + b"\r\n\r\n" + behind


def of_odd_chunks() -> Iterator[tuple[str, bytes]]:
    for size in ODD_CHUNKS:
        yield f"chunk {size!r}", CHUNKED + size + b"\r\n{}\r\n" + NO_CHUNKS + HIDDEN
    for end in ODD_ENDS:
        yield f"chunk ending {end!r}", CHUNKED + b"2\r\n" + end + HIDDEN
    yield "HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + NO_CHUNKS + HIDDEN


def of_odd_lines() -> Iterator[tuple[str, bytes]]:
    crlf = b"%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0a"
    for name, hidden in (("a mail", HIDDEN), ("metrics", METRICS)):
        line = hidden.partition(b"\r\n")[0]
        yield f"{name} in the path", b"GET /auth/me" + crlf + line + b"\r\nHost: x\r\n\r\n"
        yield f"{name} in a header", b"GET /auth/me HTTP/1.1\r\nHost: x\r\nX: x\r" + hidden
        yield f"{name} in the host", b"GET /auth/me HTTP/1.1\r\nHost: x\r " + hidden
        yield f"{name} behind two versions", b"GET /auth/me HTTP/1.1 HTTP/1.1\r" + hidden
        yield f"{name} in a fold", b"GET /auth/me HTTP/1.1\r\nHost: x\r\nX: x\r\n " + hidden
        yield f"{name} behind NUL", b"GET /auth/me HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n" + hidden


ATTACKS = dict(
    attack
    for kind in (
        of_two_lengths,
        of_odd_lengths,
        of_a_length_and_chunks,
        of_odd_chunks,
        of_odd_lines,
    )
    for attack in kind()
)
# A lenient reader, as nginx may be, takes them for two requests, and another for one or none.
LENIENT = {
    "between lines": (LOGIN + b"Content-Length: 2\r\n\r\n{}" + METRICS).replace(b"\r\n", b"\n"),
    "at the end": b"GET /auth/me HTTP/1.1\r\nHost: x\r\nX: x\n\n" + METRICS,
    "before the end": b"GET /auth/me HTTP/1.1\r\nHost: x\n\r\n" + METRICS,
    "in a chunk": LOGIN + b"Transfer-Encoding: chunked\n\n2\n{}\n0\n\n" + METRICS,
    "in an extension": CHUNKED + b"2;\n{}\r\n0\r\n\r\n" + METRICS,
    "in a trailer": CHUNKED + b"0\r\nX: x\n\n" + METRICS,
    "behind a chunk": CHUNKED + b"2\r\n{}\n0\r\n\r\n" + METRICS,
    "two sizes": CHUNKED + b"2 2\r\n{}\r\n0\r\n\r\n" + METRICS,
    "HTTP/0.9": b"GET /metrics\r\n",
    "HTTP/0.9, bare": b"GET /metrics\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + METRICS,
    "upgrade": b"GET /auth/me HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + METRICS,
    "a tunnel": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + METRICS,
    "a pipeline": b"GET /auth/me HTTP/1.1\r\nHost: x\r\n\r\n" + METRICS,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_gunicorn_answers_no_hidden_request(alone: Service, sql: Sql, attack: bytes) -> None:
    answers = statuses(exchanged(alone.port, attack))
    assert len(answers) <= 1
    assert all(400 <= status < 500 or status == 501 for status in answers)
    assert sql("SELECT kind FROM outbox") == []


@pytest.mark.usefixtures("_nginx_knows_of_all", "_nobody_gets_anothers_answer")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nginx_lets_no_hidden_request_by(nginx: Nginx, sql: Sql, attack: bytes) -> None:
    answered = exchanged(nginx.port, attack)
    assert len(statuses(answered)) <= 1
    assert b"http_requests_total" not in answered
    assert sql("SELECT kind FROM outbox") == []


@pytest.mark.usefixtures("_nginx_knows_of_all", "_nobody_gets_anothers_answer")
@pytest.mark.parametrize("attack", LENIENT.values(), ids=LENIENT)
def test_whatever_nginx_takes_for_a_request_the_metrics_stay_inside(
    nginx: Nginx, attack: bytes
) -> None:
    assert b"http_requests_total" not in exchanged(nginx.port, attack)


def test_what_is_hidden_would_be_done(nginx: Nginx, alone: Service, sql: Sql) -> None:
    """Or nothing here would show that it was taken for a request."""
    for port in (alone.port, nginx.port):
        pipeline = b"GET /auth/me HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN
        assert statuses(exchanged(port, pipeline, further=10)) == [401, 202]
        assert sql("DELETE FROM outbox RETURNING kind") == [("reset_password",)]


def exchanged(port: int, sent: bytes, further: float = FURTHER_PATIENCE) -> bytes:
    """All that comes back."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        try:
            while part := connection.recv(65_536):
                received += part
                connection.settimeout(further)
        except (TimeoutError, ConnectionResetError):
            pass
    return received


def statuses(received: bytes) -> list[int]:
    """Of each answer but the provisional ones."""
    found = map(int, re.findall(rb"HTTP/1\.[01] (\d{3}) ", received))
    return [status for status in found if status >= 200]


@pytest.fixture
def _nobody_gets_anothers_answer(http: httpx.Client) -> Iterator[None]:
    """Over the connections that nginx keeps to the service."""
    yield
    for number in range(3):
        answer = http.get("/auth/me", headers={"X-Request-ID": f"own-{number}"})
        assert_problem(answer, 401, "token_missing")
        assert answer.headers["X-Request-ID"] == f"own-{number}"


@pytest.fixture
def _nginx_knows_of_all(nginx: Nginx, service: Service) -> Iterator[None]:
    """Whatever the service is asked, nginx asks for a request that it has seen."""
    yield
    # Its health was asked for when it was started.
    line = r"gunicorn\.access \[([^]]+)\] \S+ \S+ (?!/healthz)"
    served = set(re.findall(line, service.access_log.read_text()))
    assert {"own-0", "own-1"} <= served

    def knows() -> bool:
        return served <= {json.loads(line)["request_id"] for line in nginx.logged().splitlines()}

    wait_until(knows, "line of nginx for each request", seconds=3)


@pytest.fixture(scope="module")
def alone(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service without nginx."""
    with Service(settings_file, tmp_path_factory.mktemp("alone")) as service:
        yield service
