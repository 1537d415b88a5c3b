"""Every answer says which request it answers, and so do the logs."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service, connections_to
from tests.people import People, bearer

Sql = Callable[..., list[tuple[Any, ...]]]

SANE = ["a", "0", "4b1c8f0e2a7d", "A.b-c_9", "01998f6a-7c3e-7b1a-8a55-0d2f3c4b5a69", "x" * 64]
ODD = [
    *(b"", b"x" * 65, b"x" * 5000, b"a b", b"a,b", b"a;b", b"a/b", b'"', b"<script>", b"%0A"),
    *(b"a\tb", b"[31m", b"\xc3\xa9", b"\xff", b"\xd9\xa1", b"${jndi:x}", b"{{7*7}}"),
]
ANSWERS = {
    "200": ("GET", "/healthz"),
    "204": ("POST", "/auth/logout"),
    "404": ("GET", "/nothing"),
    "405": ("PUT", "/auth/login"),
    "413": ("POST", "/auth/login"),
    "401": ("GET", "/auth/me"),
    "a file": ("GET", "/static/swagger.js"),
    "a page": ("GET", "/swagger"),
    "the document": ("GET", "/openapi.json"),
    "metrics": ("GET", "/metrics"),
    "options": ("OPTIONS", "/auth/me"),
    "head": ("HEAD", "/healthz"),
}

# They share one service where the tests are dealt out by groups.
of_one_service = pytest.mark.xdist_group("request_ids")


@pytest.fixture(scope="module")
def service(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(settings_file, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.mark.parametrize("given", SANE)
def test_a_sane_request_id_is_kept(http: httpx.Client, given: str) -> None:
    assert answered_id(http, given.encode()) == given


@pytest.mark.parametrize("given", ODD, ids=lambda given: repr(given)[:20])
def test_any_other_request_id_is_replaced(http: httpx.Client, given: bytes) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", answered_id(http, given))


def test_two_request_ids_at_once_are_replaced(http: httpx.Client) -> None:
    headers = [("X-Request-ID", "one"), ("X-Request-ID", "two")]
    answered = http.get("/healthz", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", answered)


def test_every_request_without_an_id_gets_one_of_its_own(http: httpx.Client) -> None:
    ids = {http.get("/healthz").headers["X-Request-ID"] for _ in range(10)}
    assert len(ids) == 10


@pytest.mark.parametrize(("method", "path"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_carries_the_request_id(
    http: httpx.Client, register: People, request: pytest.FixtureRequest, method: str, path: str
) -> None:
    kind = request.node.callspec.id
    headers = {"X-Request-ID": "mine"} | (bearer(register().access_token) if kind == "204" else {})
    body = b" " * 65_537 if kind == "413" else b""
    response = http.request(method, path, headers=headers, content=body)
    assert str(response.status_code) == kind or not kind.isdigit()
    assert response.headers.get_list("X-Request-ID") == ["mine"]


def test_a_problem_repeats_the_request_id(http: httpx.Client) -> None:
    response = http.get("/nothing", headers={"X-Request-ID": "mine"})
    assert response.json()["request_id"] == "mine"


@of_one_service
def test_the_access_log_has_the_request_id(service: Service) -> None:
    id_ = uuid4().hex
    with connections_to(service.url) as http:
        http.get("/auth/me", headers={"X-Request-ID": id_})
    (line,) = lines_about(id_, service.access_log)
    assert "/auth/me" in line
    assert "401" in line


@of_one_service
def test_the_log_of_a_crash_has_the_request_id(service: Service, sql: Sql) -> None:
    id_ = crash(service, sql, "grace@example.com")
    errors = [line for line in lines_about(id_, service.error_log) if "ERROR" in line]
    assert len(errors) == 1
    assert "UndefinedTable" in service.error_log.read_text()


@of_one_service
def test_the_log_of_a_crash_has_nobodys_address(service: Service, sql: Sql) -> None:
    id_ = crash(service, sql, "lovelace@example.com")
    assert lines_about(id_, service.error_log)
    assert "lovelace" not in service.logged()


@of_one_service
def test_the_access_log_has_nobodys_address(service: Service) -> None:
    id_ = look_up(service, "hopper@example.com")
    assert lines_about(id_, service.access_log)
    assert "hopper" not in service.logged()


def crash(service: Service, sql: Sql, email: str) -> str:
    """Look up an address while there is no table to look in; gives the request's id."""
    sql("ALTER TABLE codes RENAME TO hidden")
    try:
        return look_up(service, email)
    finally:
        sql("ALTER TABLE hidden RENAME TO codes")


def look_up(service: Service, email: str) -> str:
    id_ = uuid4().hex
    headers = {"X-Request-ID": id_}
    with connections_to(service.url) as http:
        http.get("/referral/code/by-email", params={"email": email}, headers=headers)
    return id_


def answered_id(http: httpx.Client, given: bytes) -> str:
    headers = [(b"X-Request-ID", given)]
    return http.get("/healthz", headers=headers).headers["X-Request-ID"]


def lines_about(id_: str, log: Path) -> list[str]:
    """The lines with this request id; the answer may come before they are written."""

    def lines() -> list[str]:
        return [line for line in log.read_text().splitlines() if id_ in line]

    wait_until(lambda: bool(lines()), "the log has the request", seconds=5)
    return lines()
