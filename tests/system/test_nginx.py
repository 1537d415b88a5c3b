"""What nginx refuses, answers and hands on in front of the service."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPResponse
from socket import create_connection, socket
from time import monotonic

import httpx
import pytest

from dev.running import temporary_folder
from dev.waiting import wait_until
from tests.deployed.service import Service, connections_to
from tests.deployed.together import at_once, outcomes
from tests.people import PASSWORD, People, bearer
from tests.problems import assert_problem
from tests.system.nginx import Nginx

LIMITED = ["register", "login", "token", "revoke", "reset_password", "reset_password/confirm"]
ANONYMOUS = [
    *(("POST", f"/auth/{route}") for route in [*LIMITED, "verify_email"]),
    ("GET", "/referral/code/by-email"),
    ("POST", "/referral/code/by-email"),
]
# More than is let through at once.
HURRY = 60
MOST_CONNECTIONS = 100
IN_A_HEADER = b"POST /auth/login HTTP/1.1\r\nHost: x\r\n"
IN_A_BODY = IN_A_HEADER + b"Content-Length: 60000\r\nContent-Type: application/json\r\n\r\n{"


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


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize(("method", "route"), ANONYMOUS)
def test_whoever_is_in_a_hurry_is_slowed_down(
    strict: httpx.Client, method: str, route: str, prefix: str
) -> None:
    responses = at_once([partial(strict.request, method, prefix + route)] * HURRY)
    assert outcomes(responses).keys() == {"429 too_many_requests", "503 unavailable"}
    refused = [response for response in responses if response.status_code == 429]
    assert_problem(refused[-1], 429, "too_many_requests")
    # One, and forty that come with it, at once.
    assert HURRY - len(refused) >= 41
    assert max(response.elapsed.total_seconds() for response in responses) < 2
    assert int(refused[-1].headers["Retry-After"]) > 0


def test_no_forged_address_moves_the_limit(strict: httpx.Client) -> None:
    def forged(number: int) -> httpx.Response:
        address = f"198.51.100.{number}"
        headers = {"X-Forwarded-For": address, "Forwarded": f"for={address}", "X-Real-IP": address}
        return strict.post("/auth/login", headers=headers)

    responses = at_once([partial(forged, number) for number in range(HURRY)])
    assert "429 too_many_requests" in outcomes(responses)


def test_nobody_else_is_slowed_down(strict: httpx.Client) -> None:
    assert outcomes(at_once([partial(strict.get, "/auth/me")] * HURRY)) == {
        "503 unavailable": HURRY
    }


def test_nobody_has_more_than_a_hundred_connections(http: httpx.Client) -> None:
    # Of log-ins not so many are let through in a moment.
    request = IN_A_BODY.replace(b"/auth/login", b"/auth/change_password")
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS - 1):
            stack.enter_context(unfinished(http, request))
        assert http.get("/healthz").is_success
        stack.enter_context(unfinished(http, request))
        # The last ones may not be counted yet.
        wait_until(lambda: http.get("/healthz").status_code == 429, "refusal", 5)
        refusal = http.get("/healthz")
        assert_problem(refusal, 429, "too_many_requests")
        assert int(refusal.headers["Retry-After"]) > 0
    wait_until(lambda: http.get("/healthz").is_success, "answer as before", 5)


def test_whoever_takes_longer_than_ten_seconds_for_a_request_is_cut_off(
    http: httpx.Client,
) -> None:
    started = monotonic()
    with unfinished(http, IN_A_HEADER) as header, unfinished(http, IN_A_BODY) as body:
        assert [ends(header), ends(body)] == [True, True]
    assert 8 < monotonic() - started < 15


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
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw(nginx.port, f"{head}X-Request-ID: of-a-secret\r\n\r\n")
    wait_until(lambda: "of-a-secret" in nginx.logged(), "line of the request", 5)
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


def test_slow_clients_reach_no_gunicorn(http: httpx.Client, service: Service) -> None:
    """Many, each in the middle of a header or of a body."""
    before = service.clients()
    with ExitStack() as stack:
        for number in range(80):
            stack.enter_context(unfinished(http, IN_A_BODY if number % 2 else IN_A_HEADER))
        assert http.get("/readyz", timeout=2).is_success
        assert len(service.clients() - before) <= 1


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


def unfinished(http: httpx.Client, request: bytes) -> socket:
    """A connection of its own on which so much of a request was sent."""
    connection = create_connection(("127.0.0.1", http.base_url.port), timeout=20)
    connection.sendall(request)
    return connection


def ends(connection: socket) -> bool:
    """Wait until the other side has ended it, without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def strict() -> Iterator[httpx.Client]:
    """A client of an nginx with the limit of a deployment, and nobody behind it."""
    with (
        temporary_folder() as folder,
        Nginx(folder, "server unix:/nonexistent;", ANONYMOUS_RATE="10r/s") as nginx,
        connections_to(nginx.url) as client,
    ):
        yield client
