"""Upgrades: neither new workers nor the end of the service lose a request."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from select import select
from socket import SO_ERROR, SOL_SOCKET, create_connection, create_server, socket
from typing import Any

import httpx
import psutil
import pytest

from app.serving.ending import Listener
from dev.waiting import wait_until
from tests.deployed.load import load
from tests.deployed.service import Service, connections_to
from tests.deployed.together import outcome, outcomes
from tests.problems import assert_problem

Start = Callable[..., Service]

MANY = 20
REVOKED = {"data": {"token": "unknown"}}
UNFINISHED = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"


@pytest.fixture
def start(settings_file: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the service: `start()`, `start(DRAIN_SECONDS="60")`."""
    with ExitStack() as stack:

        def start_(**environment: str) -> Service:
            temporary = {"TMPDIR": str(tmp_path)}
            return stack.enter_context(Service(settings_file, tmp_path, temporary | environment))

        yield start_


def test_sighup_under_load_loses_no_request(start: Start) -> None:
    service = start()
    with load(service.port, keeping=4, opening=2) as seen:
        service.replace_workers()
        service.replace_workers()
    assert seen.keys() == {"200"}


def test_old_workers_serve_until_the_new_ones_do(start: Start) -> None:
    service = start()
    old = service.workers()
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(service.workers()) == 2 * len(old), "new workers")
    new = [psutil.Process(pid) for pid in service.workers() - old]
    for worker in new:
        worker.suspend()
    with connections_to(service.url) as http:
        assert {http.get("/healthz").status_code for _ in range(MANY)} == {200}
    for worker in new:
        worker.resume()
    wait_until(lambda: service.workers().isdisjoint(old), "end of the old workers")


def test_whoever_never_finishes_keeps_no_old_worker(start: Start) -> None:
    service = start(GUNICORN_CMD_ARGS="--graceful-timeout=1")
    with create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(UNFINISHED)
        wait_until(lambda: len(service.clients()) == 1, "connection that was taken in")
        service.replace_workers()


def test_sigterm_under_load_answers_or_refuses_everybody(start: Start) -> None:
    service = start()
    with load(service.port, keeping=3, opening=3) as seen:
        wait_until(lambda: service.access_log.read_text().count("revoke") > MANY, "requests")
        assert service.stop() == 0
        wait_until(lambda: not is_listening(service), "end of the port")
    assert seen.keys() <= {"200", "refused"}
    assert seen["200"] > MANY


def test_whoever_connects_in_the_last_moment_is_refused_and_not_cut_off() -> None:
    with create_server(("127.0.0.1", 0)) as listening, socket() as late:
        for each in (listening, late):
            each.setblocking(False)
        JustAfter(listening, late).take_in_the_rest()
        with pytest.raises(ConnectionRefusedError):
            outcome_of(late)


def test_whoever_got_through_before_the_end_is_answered(start: Start) -> None:
    service = start()
    workers = [psutil.Process(pid) for pid in service.workers()]
    for worker in workers:
        worker.suspend()
    with connections_to(service.url) as http, ThreadPoolExecutor(MANY) as threads:
        answers = [threads.submit(http.get, "/healthz") for _ in range(MANY)]
        wait_until(lambda: connected_to(service.port) >= MANY, "connections")
        service.process.terminate()
        wait_until(lambda: "signal: term" in service.logged(), "sign of the end")
        for worker in workers:
            worker.resume()
        assert {answer.result().status_code for answer in answers} == {200}
    assert service.process.wait(20) == 0
    assert "Exception" not in service.logged()


def test_whoever_keeps_a_connection_is_answered_and_asked_to_leave(start: Start) -> None:
    service = start()
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    assert fate_of(connection) == "keep-alive"
    service.process.terminate()
    wait_until(lambda: not is_listening(service), "end of the port")
    assert fate_of(connection) == "close"
    connection.close()


def test_while_it_drains_it_serves_but_is_not_ready(start: Start) -> None:
    service = start(DRAIN_SECONDS="60")
    service.process.terminate()
    with connections_to(service.url) as http:
        wait_until(lambda: http.get("/readyz").status_code == 503, "drain")
        for _ in range(MANY):
            problem = assert_problem(http.get("/readyz"), 503, "unavailable")
            assert problem["checks"] == {"process": "draining"}
        assert outcome(http.get("/healthz")) == outcome(http.post("/auth/revoke", **REVOKED))
    service.process.send_signal(signal.SIGQUIT)
    assert service.process.wait(10) == 0


def test_sigterm_once_more_ends_it_before_it_has_drained(start: Start) -> None:
    service = start(DRAIN_SECONDS="60")
    service.process.terminate()
    wait_until(lambda: "signal: term" in service.logged(), "sign of the end")
    assert service.stop() == 0


def test_a_worker_that_takes_the_place_of_another_drains_as_well(
    start: Start, tmp_path: Path
) -> None:
    service = start(DRAIN_SECONDS="60")
    service.process.terminate()
    wait_until(lambda: "signal: term" in service.logged(), "sign of the end")
    lost = min(service.workers())
    os.kill(lost, signal.SIGKILL)
    wait_until(lambda: len(service.workers() - {lost}) == 2, "other worker")
    new = max(service.workers())
    answers: list[httpx.Response] = []
    with connections_to(service.url) as http:

        def new_one_answers() -> bool:
            answers.append(http.get("/readyz"))
            return bool(list(tmp_path.glob(f"*/histogram_{new}.db")))

        wait_until(new_one_answers, "answer of the new worker")
    assert outcomes(answers) == {"503 unavailable": len(answers)}


def test_it_ends_by_itself_once_it_has_drained(start: Start) -> None:
    service = start(DRAIN_SECONDS="1")
    service.process.terminate()
    assert service.process.wait(20) == 0
    assert service.logged().count("Handling signal: term") == 2


class JustAfter(Listener):
    """Has somebody connect right after it has looked for the last time."""

    def __init__(self, listening: socket, late: socket) -> None:
        super().__init__(listening, handle=socket.close)
        self._late = late

    def do_read(self) -> Any:
        connection = super().do_read()
        if connection is None:
            self._late.connect_ex(self.address)
        return connection


def outcome_of(connecting: socket) -> None:
    """Raise what became of its attempt to connect, if that failed."""
    assert select([], [connecting], [], 10)[1]
    if error := connecting.getsockopt(SOL_SOCKET, SO_ERROR):
        raise OSError(error, os.strerror(error))


def fate_of(connection: HTTPConnection) -> str:
    """Ask for something; gives what the answer says becomes of the connection."""
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    response.read()
    return response.headers["Connection"]


def connected_to(port: int) -> int:
    """How many of our connections lead there."""
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and connection.raddr.port == port
        for connection in psutil.Process().net_connections("tcp4")
    )


def is_listening(service: Service) -> bool:
    try:
        httpx.get(f"{service.url}/healthz", trust_env=False, verify=False)
    except httpx.ConnectError:
        return False
    return True
