"""What nginx refuses, answers and hands on in front of the service."""

import json
from http.client import HTTPResponse
from socket import create_connection, socket
from uuid import uuid4

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service
from tests.people import PASSWORD, People, bearer
from tests.problems import assert_problem
from tests.system.nginx import Nginx


def test_what_the_service_answers_passes_as_it_is(http: httpx.Client) -> None:
    person = People(http)()
    assert person.get("/auth/me").json()["email"] == person.email
    assert_problem(http.get("/auth/me"), 401, "token_missing")
    assert_problem(http.get("/auth/me", headers=bearer("forged")), 401, "token_invalid")


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "//metrics", "/metrics/", "/metrics?x=1", "/metrics;", "/./metrics"),
        *("/%6detrics", "/metrics%2F", "/auth/../metrics", "/auth/..%2fmetrics"),
        "/api/v1/../../metrics",
    ],
)
def test_no_spelling_leads_to_the_metrics(nginx: Nginx, path: str) -> None:
    answer = raw(nginx.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (answer.status, answer.body["code"]) == (404, "not_found")


def test_an_absolute_address_leads_to_no_metrics(nginx: Nginx) -> None:
    answer = raw(
        nginx.port, "GET http://x/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert (answer.status, answer.body["code"]) == (404, "not_found")


def test_a_body_of_ten_megabytes_is_a_problem(http: httpx.Client) -> None:
    assert_problem(http.post("/auth/login", content=b" " * 10_000_000), 413, "body_too_large")


def test_a_body_of_the_greatest_length_reaches_the_service(http: httpx.Client) -> None:
    start = b'{"email": "a@example.com", "password": "wrong password"'
    body = start + b" " * (64 * 1024 - len(start) - 1) + b"}"
    response = http.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert_problem(response, 401, "invalid_credentials")


REFUSALS = {
    "garbage": (b"\x16\x03\x01 garbage", 400, "bad_request"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400, "bad_request"),
    "an over-long line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x", 414, "uri_too_long"),
    "an over-long header": (
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000,
        431,
        "request_header_fields_too_large",
    ),
    "two lengths": (
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
        400,
        "bad_request",
    ),
    "a length and chunks": (
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        400,
        "bad_request",
    ),
    "an unknown encoding": (
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked",
        501,
        "not_implemented",
    ),
    "a version to come": (b"GET / HTTP/9.9\r\nHost: x", 505, "http_version_not_supported"),
    "a method for proxies": (b"TRACE / HTTP/1.1\r\nHost: x", 405, "method_not_allowed"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_nginx_itself_refuses_is_a_problem(nginx: Nginx, refusal: str) -> None:
    sent, status, code = REFUSALS[refusal]
    answer = raw(nginx.port, sent.decode("latin-1") + "\r\n\r\n")
    assert (answer.status, answer.body["status"], answer.body["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == answer.body["request_id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_no_answer_tells_which_version_of_nginx_serves(http: httpx.Client) -> None:
    for path in ("/healthz", "/metrics", "/flower"):
        assert http.get(path).headers["Server"] == "nginx"


def test_nothing_of_a_request_is_written_to_a_disk(http: httpx.Client, nginx: Nginx) -> None:
    folder = nginx.folder / "temp_body"
    before = folder.stat().st_mtime_ns
    assert http.post("/auth/login", content=b" " * 64 * 1024).status_code == 415
    assert folder.stat().st_mtime_ns == before


def test_a_sane_request_id_is_kept_and_another_replaced(http: httpx.Client) -> None:
    kept = http.get("/metrics", headers={"X-Request-ID": "sane-1"})
    assert kept.headers["X-Request-ID"] == kept.json()["request_id"] == "sane-1"
    replaced = http.get("/metrics", headers={"X-Request-ID": 'in"sane'})
    assert replaced.headers["X-Request-ID"] == replaced.json()["request_id"] != 'in"sane'


def test_the_service_takes_the_request_id_of_nginx(http: httpx.Client, nginx: Nginx) -> None:
    given = http.get("/healthz").headers["X-Request-ID"]
    wait_until(lambda: given in nginx.logged(), "line of nginx with the same id", 5)


def test_nginx_logs_no_query_and_no_header(http: httpx.Client, nginx: Nginx) -> None:
    headers = bearer("canary-token") | {"User-Agent": "canary-agent", "Referer": "canary-referer"}
    sane = {"X-Request-ID": "the-last"}
    http.get("/referral/code/by-email?email=canary@example.com", headers=headers)
    http.get("/metrics?email=canary@example.com", headers=headers | sane)
    wait_until(lambda: "the-last" in nginx.logged(), "line of the request", 5)
    assert "canary" not in nginx.logged()
    lines = [json.loads(line) for line in nginx.logged().splitlines()]
    assert lines[-1]["path"] == "/metrics"


@pytest.mark.parametrize(
    "path",
    [
        "/referral/code/by-email/canary@example.com",
        "/referral/code/by-email%3Femail=canary%40example.com",
        "/auth/login;email=canary",
        "/reset-password/" + "canary".ljust(43, "x"),
        "/canary\xff",
    ],
)
def test_nginx_logs_no_path_that_may_hold_a_secret(nginx: Nginx, path: str) -> None:
    id_ = uuid4().hex
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw(nginx.port, f"{head}X-Request-ID: {id_}\r\n\r\n")
    wait_until(lambda: id_ in nginx.logged(), "line of the request")
    assert "canary" not in nginx.logged()
    assert [json.loads(line) for line in nginx.logged().splitlines()][-1]["path"] == "*"


@pytest.mark.parametrize("path", ["/flower", "/static", "/healthz", "/swagger"])
def test_every_answer_has_each_of_the_security_headers_once(http: httpx.Client, path: str) -> None:
    headers = http.get(path, follow_redirects=False).headers
    names = ("X-Content-Type-Options", "Content-Security-Policy", "X-Request-ID", "Cache-Control")
    for name in names:
        assert len(headers.get_list(name)) == 1, name
    assert headers.get("Location", "/").startswith("/")


def test_connections_to_gunicorn_are_kept(http: httpx.Client, service: Service) -> None:
    http.get("/healthz")
    before = service.clients()
    for _ in range(10):
        http.get("/healthz")
    assert before & service.clients()


def test_nginx_ends_connections_before_gunicorn_does(http: httpx.Client, service: Service) -> None:
    http.get("/healthz")
    kept = service.clients()
    assert kept
    wait_until(lambda: not kept & service.clients(), "end of the connections", 3)


def test_the_length_of_an_answer_tells_of_no_token(http: httpx.Client) -> None:
    """Compressed, it would (BREACH)."""
    account = {"email": "breach@example.com", "password": PASSWORD}
    for path in ("/auth/register", "/auth/login"):
        answer = http.post(path, json=account, headers={"Accept-Encoding": "gzip"})
        assert "access_token" in answer.json()
        assert "Content-Encoding" not in answer.headers


class Answer:
    """An answer to bytes that no client would send."""

    def __init__(self, connection: socket):
        response = HTTPResponse(connection)
        response.begin()
        self.status, self.headers = response.status, response.headers
        self.body = json.loads(response.read())


def raw(port: int, request: str) -> Answer:
    with create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        return Answer(connection)
