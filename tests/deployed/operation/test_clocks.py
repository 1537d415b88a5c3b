"""A clock that is set while the service runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.queue import SWEEP_SECONDS
from dev.waiting import wait_until
from tests.chaos.clock import DAY_SECONDS, Clock
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service
from tests.deployed.worker import Part

pytestmark = pytest.mark.xdist_group("clocks")


@pytest.fixture(scope="module")
def service_settings(settings_with_own_redis: Path) -> Path:
    return settings_with_own_redis


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


# As anybody starts it, and as docker-compose.yaml does.
STARTED = {"as it is": "", "with a file": "-S app.beat:PersistentScheduler -s {folder}/beat"}


@pytest.fixture(params=STARTED.values(), ids=STARTED)
def beat(
    service: Service,
    own_redis: OwnRedis,
    tmp_path: Path,
    clock: Clock,
    request: pytest.FixtureRequest,
) -> Iterator[Part]:
    own_redis.empty()
    options = request.param.format(folder=tmp_path).split()
    with Part(service, tmp_path, "beat", *options, **clock.environment) as part:
        yield part


@pytest.mark.usefixtures("beat")
def test_beat_goes_on_calling_when_its_clock_is_set_back(clock: Clock, own_redis: OwnRedis) -> None:
    clock.set(DAY_SECONDS)
    wait_until(lambda: calls(own_redis) > 0, "call by beat")
    clock.set(0)
    before = calls(own_redis)
    # Some more than the two sweeps and what was left of the last; Celery's own would wait a day.
    wait_until(lambda: calls(own_redis) > before + 1, "calls by beat", 9 * SWEEP_SECONDS)


def calls(own_redis: OwnRedis) -> int:
    """How often the workers, of which there are none, were called to send mails."""
    with redis.Redis.from_url(own_redis.url()) as client:
        return int(client.llen("mails"))
