"""PostgreSQL goes while the service runs, and the service goes on when it is back."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from time import monotonic

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.own_postgres import LOSSES, OwnPostgres
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service, connections_to
from tests.deployed.together import MANY, at_once, meanwhile, outcome, outcomes
from tests.deployed.waiting import CODES, IS_WAITING, PEOPLE, THE_SERVICES, waiting_for
from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

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
    with meanwhile(lambda: responses.append(publishing(busy)())):
        with losing_postgres():
            wait_until(lambda: "503 unavailable" in newest(responses), "answer without it")
        wait_until(lambda: newest(responses) == {"201"}, "answer with it")
    assert outcomes(responses).keys() == {"201", "503 unavailable"}
    slowest = max(response.elapsed.total_seconds() for response in responses)
    assert_when_quiet(slowest < 1, slowest)


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


def test_who_has_waited_in_vain_may_wait_again_over_the_same_connection(
    busy: Person, service: Service, own_postgres: OwnPostgres
) -> None:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as http:
        me = partial(http.get, "/auth/me", headers=bearer(busy.access_token))
        with own_postgres.frozen():
            assert outcome(me()) == "503 unavailable"
        assert outcome(me()) == "200"


def test_health_is_told_at_once_while_the_server_is_frozen(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    with own_postgres.frozen():
        response = busy.get("/healthz")
    assert response.status_code == 200
    assert_when_quiet(response.elapsed.total_seconds() < 1, response.elapsed)


def test_who_cannot_be_connected_keeps_nobody_waiting(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    with own_postgres.refusing():
        responses = at_once([partial(busy.get, "/auth/me")] * MANY)
    assert outcomes(responses) == {"503 unavailable": MANY}
    # Only so many connect at once; the others wait for their turn.
    assert max(response.elapsed.total_seconds() for response in responses) < 4
    assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}


def test_connections_that_were_cut_are_not_noticed(busy: Person, own_postgres: OwnPostgres) -> None:
    for _ in range(3):
        assert len(own_postgres.run(f"SELECT pg_terminate_backend(pid) {THE_SERVICES}")) > 1
        assert outcomes(at_once([partial(busy.get, "/auth/me")] * MANY)) == {"200": MANY}


def test_a_request_whose_connection_is_cut_is_unavailable_and_did_nothing(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    code = busy.publish()["code"]
    with waiting_for(PEOPLE, own_postgres.url, publishing(busy)) as waiting:
        own_postgres.run(f"SELECT pg_terminate_backend(pid) {THE_SERVICES} AND {IS_WAITING}")
        assert_problem(waiting.answer.result(), 503, "unavailable")
    assert busy.get("/referral/code").json()["code"] == code


def test_an_answer_is_given_though_the_connection_is_cut_right_behind_it(
    busy: Person, own_postgres: OwnPostgres, own_redis: OwnRedis
) -> None:
    busy.publish()
    look_up = partial(busy.get, "/referral/code/by-email", email=busy.email)
    with waiting_for(CODES, own_postgres.url, look_up) as look_up_waiting, own_redis.frozen():
        ((connection,),) = own_postgres.run(f"SELECT pid {THE_SERVICES} AND {IS_WAITING}")
        look_up_waiting.let_go()
        # It has read the code, and waits for Redis to take a copy, which is not for long.
        was_cut = cut_when_idle(connection, look_up_waiting.answer, own_postgres)
        assert_when_quiet(was_cut, "an answer before")
        assert outcome(look_up_waiting.answer.result()) == "200"


def test_a_request_that_waits_too_long_for_another_is_unavailable(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    started = monotonic()
    with waiting_for(PEOPLE, own_postgres.url, publishing(busy)) as waiting:
        assert_problem(waiting.answer.result(), 503, "unavailable")
    assert monotonic() - started < DEADLINE_SECONDS
    assert busy.post("/referral/code", HOUR).status_code == 201


def test_where_the_server_only_reads_what_writes_is_unavailable(
    busy: Person, own_postgres: OwnPostgres
) -> None:
    with own_postgres.read_only():
        assert_problem(publishing(busy)(), 503, "unavailable")
        assert outcome(busy.get("/auth/me")) == "200"
    assert outcome(publishing(busy)()) == "201"


def test_a_service_started_before_its_database_serves_once_that_is_there(
    service_settings: Path, tmp_path: Path, own_postgres: OwnPostgres
) -> None:
    with ExitStack() as stack:
        with own_postgres.killed():
            service = stack.enter_context(Service(service_settings, tmp_path))
            http = stack.enter_context(connections_to(service.url))
            assert_problem(http.get("/readyz"), 503, "unavailable")
        assert http.get("/readyz").json()["status"] == "ready"


def publishing(person: Person) -> Callable[[], httpx.Response]:
    return partial(person.post, "/referral/code", HOUR)


def newest(responses: list[httpx.Response]) -> set[str]:
    return set(map(outcome, responses[-10:]))


def cut_when_idle(
    connection: int, answer: Future[httpx.Response], own_postgres: OwnPostgres
) -> bool:
    """Cut the connection once nothing is asked over it; tells whether the answer was still out."""
    is_idle = f"pid = {connection} AND state = 'idle'"
    cut = f"SELECT pg_terminate_backend(pid) {THE_SERVICES} AND {is_idle}"
    while not answer.done():
        if own_postgres.run(cut):
            return True
    return False


@pytest.fixture(scope="module")
def service_settings(settings_with_own_servers: Path) -> Path:
    return settings_with_own_servers


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
