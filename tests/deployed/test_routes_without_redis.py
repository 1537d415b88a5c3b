"""Every route while Redis is gone, or is there and answers nothing."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deployed.every_route import ROUTES, Scene
from tests.deployed.own_redis import LASTING, OwnRedis
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("routes_without_redis")


@pytest.fixture(scope="module")
def service_settings(settings_with_own_redis: Path) -> Path:
    return settings_with_own_redis


@pytest.fixture(scope="module", params=LASTING)
def _lost(request: pytest.FixtureRequest, own_redis: OwnRedis) -> Iterator[None]:
    with LASTING[request.param](own_redis):
        yield


@pytest.mark.usefixtures("_lost")
@pytest.mark.parametrize("route", ROUTES)
def test_a_route_keeps_its_meaning_and_answers_within_a_second(
    http: httpx.Client, route: str
) -> None:
    status, send = ROUTES[route]
    response = send(Scene(http))
    assert response.status_code == status, response.text
    assert_when_quiet(response.elapsed.total_seconds() < 1, response.elapsed)


def test_no_route_is_left_out(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    documented = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert documented <= ROUTES.keys()
