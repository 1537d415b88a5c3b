"""What nginx hands on to the servers behind it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.problems import assert_problem
from tests.stub_server import StubServer, closes_at_once
from tests.system.nginx import Nginx

FORGED = {
    "Forwarded": "for=198.51.100.7",
    "Proxy": "http://198.51.100.7/",
    "X-Forwarded-For": "198.51.100.7, 198.51.100.8",
    "X-Forwarded-Host": "forged.example.com",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/forged",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Ssl": "on",
    "X-Real-IP": "198.51.100.7",
    "X_Forwarded_For": "198.51.100.7",
    "X_Forwarded-For": "198.51.100.7",
}


@pytest.fixture(scope="module")
def servers() -> Iterator[list[StubServer]]:
    """Two that may stand behind it."""
    with ExitStack() as stack:
        yield [stack.enter_context(StubServer()) for _ in range(2)]


@pytest.fixture(scope="module")
def http(servers: list[StubServer], folder: Path) -> Iterator[httpx.Client]:
    # However often one fails, it is asked by the next test.
    addresses = [
        f"server {httpx.URL(server.url()).netloc.decode()} max_fails=0;" for server in servers
    ]
    with (
        Nginx(folder, " ".join(addresses)) as nginx,
        httpx.Client(base_url=nginx.url, timeout=30, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _nothing_received(servers: list[StubServer]) -> None:
    for server in servers:
        server.received.clear()


def test_only_what_nginx_knows_is_said_of_a_client(
    servers: list[StubServer], http: httpx.Client
) -> None:
    http.get("/", headers=FORGED | {"X-Request-ID": "sane-1", "Authorization": "Bearer token"})
    [request] = received(servers)
    told = {name: value for name, value in request.headers.items() if name.startswith("X")}
    expected = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}
    assert told == expected | {"X-Request-ID": "sane-1"}
    assert not {"Forwarded", "Proxy"} & request.headers.keys()
    assert request.headers["Authorization"] == "Bearer token"


def test_the_path_is_handed_on_as_it_was_sent(
    servers: list[StubServer], http: httpx.Client
) -> None:
    http.get("/a%2Fb//c?d=%20e")
    assert [request.target for request in received(servers)] == ["/a%2Fb//c?d=%20e"]


def test_a_post_without_an_answer_is_not_repeated(
    servers: list[StubServer], http: httpx.Client
) -> None:
    for server in servers:
        server.answer = closes_at_once
    assert_problem(http.post("/auth/register", content=b"{}"), 503, "unavailable")
    assert len(received(servers)) == 1


def test_reading_is_tried_once_more_elsewhere(
    servers: list[StubServer], http: httpx.Client
) -> None:
    for server in servers:
        server.answer = closes_at_once
    assert_problem(http.get("/auth/me"), 503, "unavailable")
    assert len(received(servers)) == 2


def received(servers: list[StubServer]) -> list:
    return [request for server in servers for request in server.received]
