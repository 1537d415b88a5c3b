"""What the service promises whatever becomes of Redis while it runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.own_redis import FAULTS, LASTING, OwnRedis
from tests.deployed.service import Service, connections_to
from tests.deployed.together import MANY, at_once, meanwhile, outcome, outcomes
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("redis_lost")

Sql = Callable[..., list[tuple[Any, ...]]]
Losing = Callable[[], AbstractContextManager[None]]

each_fault = pytest.mark.parametrize("losing_redis", FAULTS, indirect=True)
each_lasting_fault = pytest.mark.parametrize("losing_redis", LASTING, indirect=True)


@each_fault
def test_a_session_that_was_logged_out_stays_dead(
    http: httpx.Client, register: People, losing_redis: Losing
) -> None:
    person = register()
    logged_out = person.log_in()
    logged_out.post("/auth/logout")
    with losing_redis():
        assert_dead(http, logged_out)
        assert person.get("/auth/me").status_code == 200
    assert_dead(http, logged_out)
    assert person.get("/auth/me").status_code == 200


@each_fault
def test_wrong_passwords_meet_delays(
    http: httpx.Client, register: People, losing_redis: Losing
) -> None:
    email = register().email
    with losing_redis():
        answers = [log_in(http, email, "wrong password") for _ in range(8)]
        # The first delay is a second, in which the last has to come.
        assert_when_quiet(answers[-1].status_code == 429, answers[-1].status_code)
        assert_problem(answers[-1], 429, "too_many_attempts")


@each_fault
def test_a_delay_that_was_running_goes_on(
    http: httpx.Client, register: People, sql: Sql, losing_redis: Losing
) -> None:
    email = register().email
    log_in(http, email, "wrong password")
    sql("UPDATE failed_attempts SET retry_at = now() + interval '1 minute'")
    with losing_redis():
        assert_problem(log_in(http, email, PASSWORD), 429, "too_many_attempts")
    assert_problem(log_in(http, email, PASSWORD), 429, "too_many_attempts")


@each_fault
def test_look_ups_give_each_change_of_a_code(owner: Person, losing_redis: Losing) -> None:
    with losing_redis():
        for _ in range(3):
            code = owner.publish()["code"]
            assert [look_up(owner).json()["code"] for _ in range(3)] == [code] * 3
        owner.delete("/referral/code")
        assert {outcome(look_up(owner)) for _ in range(3)} == {"404 referral_code_not_found"}


@each_lasting_fault
def test_metrics_tell_that_redis_is_lost(
    http: httpx.Client, register: People, losing_redis: Losing
) -> None:
    owner = register()
    assert "referral_redis_up 1.0" in http.get("/metrics").text.splitlines()
    with losing_redis():
        look_up(owner)
        metrics = http.get("/metrics").text
    assert "referral_redis_up 0.0" in metrics.splitlines()
    assert 'referral_part_failures_total{part="cache"}' in metrics
    assert 'referral_part_failures_total{part="limits"}' in metrics


@pytest.mark.parametrize("losing_redis", sorted(FAULTS.keys() - {"frozen"}), indirect=True)
def test_look_ups_give_the_newest_code_once_redis_is_back(
    owner: Person, own_redis: OwnRedis, losing_redis: Losing
) -> None:
    with losing_redis():
        code = owner.publish()["code"]
    assert {look_up(owner).json()["code"] for _ in range(5)} == {code}
    wait_until_copied(owner, own_redis)
    assert {look_up(owner).json()["code"] for _ in range(5)} == {code}


def test_a_copy_that_redis_could_not_forget_is_gone_within_a_minute(
    owner: Person, own_redis: OwnRedis
) -> None:
    assert own_redis.longest_life() <= 60
    with own_redis.frozen():
        owner.publish()
    code = owner.publish()["code"]
    assert {look_up(owner).json()["code"] for _ in range(5)} == {code}


@each_fault
def test_the_referrer_sees_who_joins(
    register: People, own_redis: OwnRedis, losing_redis: Losing
) -> None:
    owner = register()
    code = owner.publish()["code"]
    register(referral_code=code)
    with losing_redis():
        assert owner.get("/referral/referrals").json()["total"] == 1
        newcomer = register(referral_code=code)
        page = owner.get("/referral/referrals").json()
        assert (page["total"], page["referrals"][0]["id"]) == (2, newcomer.id)
        assert owner.get("/auth/me").json()["referrals_count"] == 2


@each_lasting_fault
def test_forty_look_ups_at_once_are_answered(owner: Person, losing_redis: Losing) -> None:
    with losing_redis():
        assert outcomes(at_once([partial(look_up, owner)] * MANY)) == {"200": MANY}


@each_fault
def test_look_ups_go_on_while_redis_goes_and_returns(
    register: People, own_redis: OwnRedis, losing_redis: Losing
) -> None:
    owner = register()
    code = owner.publish()["code"]
    wait_until_copied(owner, own_redis)
    seen = set()
    with meanwhile(lambda: seen.add((outcome(look := look_up(owner)), look.json()["code"]))):
        with losing_redis():
            assert look_up(owner).status_code == 200
        wait_until_copied(owner, own_redis)
    assert seen == {("200", code)}


@each_lasting_fault
def test_readiness_tells_that_redis_is_lost_and_that_it_is_back(
    http: httpx.Client, losing_redis: Losing
) -> None:
    with losing_redis():
        lost = http.get("/readyz")
    back = http.get("/readyz")
    assert [lost.status_code, lost.json()["status"]] == [200, "degraded"]
    assert [back.status_code, back.json()["status"]] == [200, "ready"]


@each_lasting_fault
def test_a_service_started_without_redis_serves(
    service_settings: Path, tmp_path: Path, losing_redis: Losing
) -> None:
    with (
        losing_redis(),
        Service(service_settings, tmp_path) as service,
        connections_to(service.url) as http,
    ):
        owner = People(http)()
        code = owner.publish()["code"]
        assert look_up(owner).json()["code"] == code


@pytest.fixture(scope="module")
def service_settings(settings_with_own_redis: Path) -> Path:
    return settings_with_own_redis


@pytest.fixture(autouse=True)
def _empty_redis(own_redis: OwnRedis) -> None:
    """Every test starts from nothing."""
    own_redis.empty()


@pytest.fixture
def losing_redis(request: pytest.FixtureRequest, own_redis: OwnRedis) -> Losing:
    """Loses Redis in one way, as long as the block runs: `with losing_redis(): …`."""
    return partial(FAULTS[request.param], own_redis)


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """No answer takes a second, whatever happens."""
    responses: list[httpx.Response] = []
    with connections_to(service.url) as client:
        client.event_hooks = {"response": [responses.append]}
        yield client
    slow = [response for response in responses if response.elapsed.total_seconds() >= 1]
    assert_when_quiet(not slow, [(each.request.url.path, each.elapsed) for each in slow])


@pytest.fixture
def owner(register: People, own_redis: OwnRedis) -> Person:
    """Somebody with a code, which Redis has a copy of."""
    owner = register()
    owner.publish()
    wait_until_copied(owner, own_redis)
    return owner


def wait_until_copied(owner: Person, own_redis: OwnRedis) -> None:
    """Look the code up until Redis has a copy, so all is as it should be."""
    own_redis.empty()
    wait_until(
        lambda: look_up(owner).is_success and own_redis.has_copies(), "copy of the look-up", 5
    )


def assert_dead(http: httpx.Client, session: Person) -> None:
    """Neither token of this session works."""
    assert_problem(session.get("/auth/me"), 401, "token_revoked")
    refreshed = http.post("/auth/refresh", headers=bearer(session.refresh_token))
    assert_problem(refreshed, 401, "token_revoked")


def log_in(http: httpx.Client, email: str, password: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": email, "password": password})


def look_up(owner: Person) -> httpx.Response:
    return owner.get("/referral/code/by-email", email=owner.email)
