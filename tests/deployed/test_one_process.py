"""One process serves many: whoever computes, waits or dawdles holds up nobody else."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from itertools import pairwise
from pathlib import Path
from socket import create_connection, socket
from time import monotonic
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from app.database import ENGINE_OPTIONS
from dev.waiting import wait_until
from tests.deployed.service import Service
from tests.deployed.together import MANY, at_once, meanwhile, outcomes
from tests.deployed.waiting import IS_WAITING, PERSON, THE_SERVICES, waiting_for
from tests.people import PASSWORD, People, Person
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("gunicorn")

Sql = Callable[..., list[tuple[Any, ...]]]

HOUR = {"lifetime_minutes": 60}
BODY = b'{"lifetime_minutes": 60}'
HEAD = (
    "POST /referral/code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\nAuthorization: Bearer {{}}\r\n\r\n"
)
# The tenfold of what a hash costs, so that nothing else takes as long.
COSTLY = PasswordHasher(time_cost=20, memory_cost=19 * 1024, parallelism=1)
LOG_INS = 4


def test_one_process_serves(service: Service) -> None:
    assert len(service.workers()) == 1


def test_no_look_up_waits_while_log_ins_are_hashed(
    keeping: httpx.Client, owner: Person, sql: Sql
) -> None:
    sql("UPDATE users SET password_hash = %s", COSTLY.hash(PASSWORD))
    look_ups = [monotonic()]
    with meanwhile(lambda: look_ups.append(moment_of(look_up(keeping, owner))), threads=1):
        log_ins = at_once([lambda: moment_of(owner.log_in())] * LOG_INS)
    hash_seconds = (max(log_ins) - look_ups[0]) / LOG_INS
    longest = max(later - one for one, later in pairwise(look_ups))
    assert_when_quiet(longest < hash_seconds / 2, longest / hash_seconds)


def test_more_requests_than_connections_to_postgresql_are_all_answered(
    service: Service, owner: Person, sql: Sql, database_url: str
) -> None:
    with all_writers_busy(service, owner, sql, database_url) as answers:
        pass
    assert outcomes(answer.result() for answer in answers) == {"201": MANY}


def test_whoever_reads_waits_for_nobody_who_writes(
    service: Service, http: httpx.Client, owner: Person, sql: Sql, database_url: str
) -> None:
    with all_writers_busy(service, owner, sql, database_url) as answers:
        # Which nobody has looked up before.
        assert look_up(http, owner).is_success
        assert owner.get("/auth/me").is_success
        assert http.get("/readyz").is_success
        assert http.get("/metrics").is_success
        assert not any(answer.done() for answer in answers)


def test_bodies_that_come_a_byte_at_a_time_hold_up_nobody(service: Service, owner: Person) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(slow_client(service, owner)) for _ in range(MANY)]
        for byte in BODY:
            assert owner.get("/auth/me").is_success
            for client in slow:
                client.sendall(bytes([byte]))
        assert [status(client) for client in slow] == [201] * MANY


@contextmanager
def all_writers_busy(
    service: Service, owner: Person, sql: Sql, database_url: str
) -> Iterator[list[Future[httpx.Response]]]:
    """Forty requests that wait while the block runs, for a lock or for a connection.

    That is to take less time than they wait.
    """
    started = monotonic()
    publish = partial(owner.post, "/referral/code", HOUR)
    with (
        ThreadPoolExecutor(MANY) as threads,
        waiting_for(PERSON.format(owner.id), database_url, publish) as first,
    ):
        others = [threads.submit(publish) for _ in range(MANY - 1)]
        try:
            wait_until(lambda: len(service.clients()) >= MANY, "requests that were taken in", 4)
            wait_until(lambda: waiting(sql) == ENGINE_OPTIONS["pool_size"], "busy connections", 4)
            yield [first.answer, *others]
        finally:
            assert_when_quiet(monotonic() - started < 3.5, "requests that gave up")


def slow_client(service: Service, owner: Person) -> socket:
    """One that is going to send a body."""
    client = create_connection(("127.0.0.1", service.port), timeout=10)
    client.sendall(HEAD.format(owner.access_token).encode())
    return client


def status(client: socket) -> int:
    response = HTTPResponse(client)
    response.begin()
    return response.status


def look_up(http: httpx.Client, owner: Person) -> httpx.Response:
    response = http.get("/referral/code/by-email", params={"email": owner.email})
    assert response.is_success
    return response


def moment_of(_answer: object) -> float:
    """When it came."""
    return monotonic()


def waiting(sql: Sql) -> int:
    """How many connections to PostgreSQL wait for a lock."""
    return int(sql(f"SELECT count(*) {THE_SERVICES} AND {IS_WAITING}")[0][0])


@pytest.fixture(scope="module")
def service(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), "WEB_CONCURRENCY": "1"}
    with Service(settings_file, folder, environment) as service:
        yield service


@pytest.fixture
def keeping(service: Service) -> Iterator[httpx.Client]:
    """A client that keeps its connection."""
    with httpx.Client(base_url=service.url, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def owner(register: People) -> Person:
    """Somebody with a code."""
    owner = register()
    owner.publish()
    return owner
