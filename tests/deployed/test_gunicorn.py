"""How gunicorn is set up: refusing and logging."""

import json
import os
import re
import signal
from functools import partial
from http.client import HTTPResponse
from socket import create_connection

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service
from tests.deployed.together import MANY, at_once, outcomes

pytestmark = pytest.mark.xdist_group("gunicorn")

REFUSALS = {
    "garbage": (b"\x16\x03\x01 garbage", 400, "bad_request"),
    "a bad header": (b"GET /healthz HTTP/1.1\r\nBad Header: 1", 400, "bad_request"),
    "an unknown coding": (
        b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: xchunked",
        501,
        "not_implemented",
    ),
    "an over-long line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1", 414, "uri_too_long"),
    "an over-long header": (
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 9000,
        431,
        "request_header_fields_too_large",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_gunicorn_itself_refuses_is_a_problem(service: Service, refusal: str) -> None:
    sent, status, code = REFUSALS[refusal]
    with create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(sent + b"\r\n\r\n")
        response = HTTPResponse(connection)
        response.begin()
        problem = json.loads(response.read())
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == problem["request_id"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_no_answer_tells_which_version_serves(http: httpx.Client) -> None:
    for path in ("/healthz", "/nowhere"):
        assert not re.search(r"\d", http.get(path).headers["Server"])


def test_no_path_forges_a_line_of_the_access_log(service: Service, http: httpx.Client) -> None:
    http.get("/%0d%0aforged%0d%0a?secret=1", headers={"X-Request-ID": "forger"})
    wait_until(lambda: "forger" in service.logged(), "line of the request", seconds=5)
    assert not re.search("^forged", service.logged(), re.MULTILINE)
    assert "secret" not in service.logged()


def test_a_worker_that_dies_is_replaced(service: Service, http: httpx.Client) -> None:
    before = service.workers()
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(service.workers() - {min(before)}) == len(before), "other worker")
    responses = at_once([partial(http.get, "/readyz")] * MANY)
    assert outcomes(responses) == {"200": MANY}
