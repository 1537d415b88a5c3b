"""How much nginx lets one client do: how often, how slowly, with how many connections."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from socket import create_connection, socket
from time import monotonic

import httpx
import pytest

from dev.running import temporary_folder
from dev.waiting import wait_until
from tests.deployed.service import Service, connections_to
from tests.deployed.together import at_once, outcomes
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet
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
    # None is kept waiting for its turn.
    assert max(response.elapsed.total_seconds() for response in responses) < 10
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
    assert answer_beside(http, MOST_CONNECTIONS - 1).is_success
    # The last ones may not be counted yet.
    wait_until(lambda: answer_beside(http, MOST_CONNECTIONS).status_code == 429, "refusal")
    wait_until(lambda: http.get("/healthz").is_success, "answer as before")
    refusal = answer_beside(http, 2 * MOST_CONNECTIONS)
    # Of those before it so many may not be counted yet.
    assert_when_quiet(refusal.status_code == 429, refusal.status_code)
    assert_problem(refusal, 429, "too_many_requests")
    assert int(refusal.headers["Retry-After"]) > 0


def test_whoever_takes_longer_than_ten_seconds_for_a_request_is_cut_off(
    http: httpx.Client,
) -> None:
    started = monotonic()
    with unfinished(http, IN_A_HEADER) as header, unfinished(http, IN_A_BODY) as body:
        assert [ends(header), ends(body)] == [True, True]
    taken = monotonic() - started
    assert taken > 8
    assert_when_quiet(taken < 15, taken)


def test_slow_clients_reach_no_gunicorn(http: httpx.Client, service: Service) -> None:
    """Many, each in the middle of a header or of a body."""
    before = service.clients()
    with ExitStack() as stack:
        for number in range(80):
            stack.enter_context(unfinished(http, IN_A_BODY if number % 2 else IN_A_HEADER))
        assert http.get("/readyz", timeout=2).is_success
        assert len(service.clients() - before) <= 1


def answer_beside(http: httpx.Client, others: int) -> httpx.Response:
    """What somebody is answered who has so many other connections, each in use."""
    # Of log-ins not so many are let through in a moment.
    request = IN_A_BODY.replace(b"/auth/login", b"/auth/change_password")
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(unfinished(http, request))
        return http.get("/healthz")


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
    """A client of an nginx that soon has enough, with nobody behind it."""
    with (
        temporary_folder() as folder,
        Nginx(folder, "server unix:/nonexistent;", ANONYMOUS_RATE="1r/s") as nginx,
        connections_to(nginx.url) as client,
    ):
        yield client
