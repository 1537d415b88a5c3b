"""PostgreSQL goes while the service runs, and the service goes on when it is back."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import httpx
import psycopg2
import pytest

from dev.waiting import wait_until
from tests.deployed.own_postgres import LOSSES, OwnPostgres
from tests.deployed.service import Service, connections_to
from tests.deployed.together import MANY, at_once, meanwhile, outcome, outcomes
from tests.people import People, Person
from tests.problems import assert_problem

pytestmark = pytest.mark.xdist_group("postgres_lost")

Losing = Callable[[], AbstractContextManager[None]]

HOUR = {"lifetime_minutes": 60}
# What the service allows a frozen server, and a little for the way.
DEADLINE_SECONDS = 6.5

each_loss = pytest.mark.parametrize("losing_postgres", LOSSES, indirect=True)


@each_loss
def test_the_first_requests_after_its_return_succeed(busy: Person, losing_postgres: Losing) -> None:
    with losing_postgres():
        assert outcome(busy.get("/auth/me")) == "503 unavailable"
    assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}


@each_loss
def test_a_restart_that_nobody_asks_during_is_not_noticed(
    busy: Person, losing_postgres: Losing
) -> None:
    with losing_postgres():
        pass
    assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}


@each_loss
def test_those_who_ask_while_it_goes_and_returns_are_answered_at_once(
    busy: Person, losing_postgres: Losing
) -> None:
    responses: list[httpx.Response] = []
    with meanwhile(lambda: responses.append(busy.post("/referral/code", HOUR))):
        with losing_postgres():
            wait_until(lambda: outcome(responses[-1]) == "503 unavailable", "it is noticed")
        wait_until(lambda: outcome(responses[-1]) == "201", "it is back")
    assert outcomes(responses).keys() == {"201", "503 unavailable"}
    assert max(response.elapsed.total_seconds() for response in responses) < 1


@each_loss
def test_what_was_answered_before_is_there_afterwards(
    busy: Person, register: People, losing_postgres: Losing
) -> None:
    code = busy.publish()["code"]
    with losing_postgres():
        assert outcome(busy.delete("/referral/code")) == "503 unavailable"
    assert busy.get("/referral/code").json()["code"] == code


def test_a_frozen_server_costs_no_more_than_the_deadline_and_no_worker(
    busy: Person, service: Service, own_postgres: OwnPostgres
) -> None:
    workers = service.workers()
    with own_postgres.frozen():
        responses = at_once([partial(busy.get, "/auth/me"), partial(busy.get, "/readyz")] * 8)
        assert outcomes(responses) == {"503 unavailable": 16}
    assert max(response.elapsed.total_seconds() for response in responses) < DEADLINE_SECONDS
    assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}
    assert service.workers() == workers


def test_health_is_told_at_once_while_the_server_is_frozen(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    with own_postgres.frozen():
        response = busy.get("/healthz")
    assert response.status_code == 200
    assert response.elapsed.total_seconds() < 1


def test_connections_that_were_cut_are_not_noticed(busy: Person, own_postgres: OwnPostgres) -> None:
    for _ in range(3):
        assert len(own_postgres.run(f"SELECT pg_terminate_backend(pid) {THE_SERVICES}")) > 1
        assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}


def test_a_request_whose_connection_is_cut_is_unavailable_and_did_nothing(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    code = busy.publish()["code"]
    with waiting_for_a_lock(own_postgres, partial(busy.post, "/referral/code", HOUR)) as answer:
        own_postgres.run(f"SELECT pg_terminate_backend(pid) {THE_SERVICES} AND {IS_WAITING}")
        assert_problem(answer.result(), 503, "unavailable")
    assert busy.get("/referral/code").json()["code"] == code


def test_a_request_that_waits_too_long_for_another_is_unavailable(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    started = monotonic()
    with waiting_for_a_lock(own_postgres, partial(busy.post, "/referral/code", HOUR)) as answer:
        assert_problem(answer.result(), 503, "unavailable")
    assert monotonic() - started < DEADLINE_SECONDS
    assert busy.post("/referral/code", HOUR).status_code == 201


def test_a_service_started_before_its_database_serves_once_that_is_there(
    service_settings: Path, tmp_path: Path, own_postgres: OwnPostgres
) -> None:
    with own_postgres.killed():
        service = Service(service_settings, tmp_path).__enter__()
        with connections_to(service.url) as http:
            assert_problem(http.get("/readyz"), 503, "unavailable")
    try:
        with connections_to(service.url) as http:
            assert http.get("/readyz").json()["status"] == "ready"
    finally:
        service.stop()


THE_SERVICES = "FROM pg_stat_activity WHERE application_name = 'referral'"
IS_WAITING = "wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def service_settings(settings_with_own_postgres: Path) -> Path:
    return settings_with_own_postgres


@pytest.fixture
def losing_postgres(request: pytest.FixtureRequest, own_postgres: OwnPostgres) -> Losing:
    """Loses PostgreSQL in one way, as long as the block runs."""
    return partial(LOSSES[request.param], own_postgres)


@pytest.fixture
def busy(register: People) -> Person:
    """Somebody whose requests have just opened connections from every worker."""
    person = register()
    at_once([partial(person.get, "/auth/me")] * MANY)
    return person


@contextmanager
def waiting_for_a_lock(
    own_postgres: OwnPostgres, send: Callable[[], httpx.Response]
) -> Iterator[Future[httpx.Response]]:
    """A request that cannot go on in the database, as long as the block runs."""
    holder = psycopg2.connect(own_postgres.url)
    with ThreadPoolExecutor(1) as thread:
        try:
            holder.cursor().execute("SELECT FROM users FOR UPDATE")
            answer = thread.submit(send)
            waiting = f"SELECT pid {THE_SERVICES} AND {IS_WAITING}"
            wait_until(lambda: bool(own_postgres.run(waiting)), "the request waits")
            yield answer
        finally:
            holder.close()
