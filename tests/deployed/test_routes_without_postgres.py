"""Every route while PostgreSQL is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.every_route import ROUTES, Scene
from tests.deployed.own_postgres import LOSSES, OwnPostgres
from tests.deployed.service import Service, connections_to
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

pytestmark = [pytest.mark.xdist_group("routes_without_postgres"), pytest.mark.usefixtures("_lost")]

INDEPENDENT = (
    "GET /healthz",
    "GET /openapi.json",
    "GET /swagger",
    "GET /redoc",
    "GET /reset-password",
    "GET /verify-email",
    "POST /auth/reset_password/confirm",
    "POST /auth/verify_email",
    "an unknown path",
)


@pytest.mark.parametrize("route", sorted(ROUTES.keys() - INDEPENDENT))
def test_a_route_is_unavailable_at_once(scene: Scene, route: str) -> None:
    _, send = ROUTES[route]
    response = send(scene)
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert_when_quiet(response.elapsed.total_seconds() < 1, response.elapsed)


@pytest.mark.parametrize("route", INDEPENDENT)
def test_a_route_that_needs_no_database_answers(scene: Scene, route: str) -> None:
    status, send = ROUTES[route]
    assert send(scene).status_code == status


def test_readiness_names_what_is_lost(scene: Scene) -> None:
    checks = scene.http.get("/readyz").json()["checks"]
    assert [checks["postgresql"], checks["redis"]] == ["missing", "ok"]


@pytest.fixture(scope="module")
def service_settings(settings_with_own_servers: Path) -> Path:
    return settings_with_own_servers


@pytest.fixture(scope="module")
def scene(service: Service) -> Iterator[Scene]:
    """People who registered while there was a database."""
    with connections_to(service.url) as http:
        scene = Scene(http)
        assert scene.code
        assert scene.newcomer
        yield scene


@pytest.fixture(scope="module", params=LOSSES)
def _lost(
    request: pytest.FixtureRequest, own_postgres: OwnPostgres, scene: Scene
) -> Iterator[None]:
    with LOSSES[request.param](own_postgres):
        yield
