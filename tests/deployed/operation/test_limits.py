"""Limits hold over all worker processes, and in each of them while Redis is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import monotonic

import httpx
import pytest

from app.exchange import PAUSE_SECONDS
from dev.settings import write_settings
from dev.waiting import wait_until
from tests.conftest import GENEROUS
from tests.deployed.own_redis import LASTING, OwnRedis
from tests.deployed.service import Service
from tests.deployed.together import at_once, outcome, outcomes
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("limits")

MANY, ALLOWED = 60, 20
WORKERS = 2
CLIENT = "203.0.113.9"
NOT_REFUSED = "404 referral_code_not_found"
REFUSED = "429 too_many_requests"

ADDRESSES = map("198.51.100.{}".format, count(1))

each_lasting_fault = pytest.mark.parametrize("fault", LASTING)


def test_so_many_are_answered_as_are_allowed_by_all_workers_together(
    http: httpx.Client, service: Service, newcomer: str
) -> None:
    with redis_is_there(service):
        answers = at_once([partial(look_up, http, newcomer)] * MANY)
    assert outcomes(answers) == {NOT_REFUSED: ALLOWED, REFUSED: MANY - ALLOWED}


def test_a_restart_of_the_workers_forgets_nothing(
    http: httpx.Client, service: Service, newcomer: str
) -> None:
    with redis_is_there(service):
        assert REFUSED in outcomes(at_once([partial(look_up, http, newcomer)] * MANY))
        service.replace_workers()
        answer = look_up(http, newcomer)
    assert outcome(answer) == REFUSED


@each_lasting_fault
def test_each_worker_counts_for_itself_while_redis_is_lost(
    http: httpx.Client, own_redis: OwnRedis, newcomer: str, fault: str
) -> None:
    with LASTING[fault](own_redis):
        answers = at_once([partial(look_up, http, newcomer)] * MANY)
    counted = outcomes(answers)
    assert counted.keys() == {NOT_REFUSED, REFUSED}
    assert ALLOWED <= counted[NOT_REFUSED] <= WORKERS * ALLOWED
    slowest = max(answer.elapsed.total_seconds() for answer in answers)
    assert_when_quiet(slowest < 1, slowest)


@each_lasting_fault
def test_every_answer_tells_of_limits_while_redis_is_lost(
    http: httpx.Client, own_redis: OwnRedis, newcomer: str, fault: str
) -> None:
    with LASTING[fault](own_redis):
        answers = at_once([partial(look_up, http, newcomer)] * MANY)
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(ALLOWED)}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(0 < int(answer.headers["Retry-After"]) <= 3601 for answer in refused)


@each_lasting_fault
def test_a_lost_redis_costs_few_requests_time_and_is_told_of_once(
    service: Service, http: httpx.Client, own_redis: OwnRedis, fault: str
) -> None:
    before = warnings(service)
    with LASTING[fault](own_redis):
        end, answers = monotonic() + 1.5 * PAUSE_SECONDS, [look_up(http)]
        while monotonic() < end:
            answers.append(look_up(http))
    slow = [answer for answer in answers if answer.elapsed.total_seconds() >= 0.2]
    # Each worker finds it out for itself, and once a second again.
    assert_when_quiet(len(slow) < len(answers) / 4, (len(slow), len(answers)))
    # One that has not asked since it was lost before has told of that.
    assert warnings(service) - before <= WORKERS
    assert warnings(service) > 0


@each_lasting_fault
def test_redis_counts_again_once_it_is_back(
    http: httpx.Client, own_redis: OwnRedis, fault: str
) -> None:
    with LASTING[fault](own_redis):
        at_once([partial(look_up, http)] * WORKERS)
    own_redis.empty()
    wait_until(lambda: bool(look_up(http)) and "LIMITER" in own_redis.contents(), "count", 3)
    # Until the other worker, too, has found it out.
    wait_until(lambda: outcome(look_up(http)) == REFUSED, "limit of both workers", 10)


def test_the_access_log_tells_the_address_that_the_trusted_proxy_has_added(
    service: Service, http: httpx.Client
) -> None:
    for number, claim in enumerate(("", "10.6.6.6, ", '"10.6.6.6, ')):
        look_up(http, f"{claim}{CLIENT}", f"claim-{number}")
    for number in range(3):
        wait_until(lambda: f"claim-{number}" in service.logged(), "line of the request", 5)  # noqa: B023
        assert CLIENT in line_of(service, f"claim-{number}")
    assert "10.6.6.6" not in service.logged()


@pytest.fixture(scope="module")
def service_settings(
    own_redis: OwnRedis, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    figures = GENEROUS | {"RATELIMIT_LOOK_UP": f"{ALLOWED} per hour"}
    return write_settings(
        tmp_path_factory.mktemp("settings"),
        database=database_url,
        cache=own_redis.url(0),
        broker=own_redis.url(1),
        public_url="http://127.0.0.1:8000",
        TRUSTED_PROXIES=1,
        **figures,
    )


@pytest.fixture(autouse=True)
def _empty_redis(own_redis: OwnRedis) -> None:
    """Every test starts from nothing."""
    own_redis.empty()


@pytest.fixture
def newcomer() -> str:
    """An address that nothing came from before, for no worker forgets what it counted."""
    return next(ADDRESSES)


def look_up(http: httpx.Client, forwarded: str = CLIENT, id_: str = "limits") -> httpx.Response:
    return http.get(
        "/referral/code/by-email",
        params={"email": "nobody@example.com"},
        headers={"X-Forwarded-For": forwarded, "X-Request-ID": id_},
    )


@contextmanager
def redis_is_there(service: Service) -> Iterator[None]:
    """Nobody may lose Redis meanwhile, as workers do that a stall of the machine has kept."""
    before = warnings(service)
    yield
    try:
        assert_when_quiet(warnings(service) == before, "Redis was lost")
    except AssertionError:
        # They do without it for a second.
        service.replace_workers()
        raise


def warnings(service: Service) -> int:
    """How often it was told that Redis is lost."""
    return len(re.findall("Redis does not answer", service.logged()))


def line_of(service: Service, request_id: str) -> str:
    """What the access log says of a request."""
    (line,) = [line for line in service.access_log.read_text().splitlines() if request_id in line]
    return line
