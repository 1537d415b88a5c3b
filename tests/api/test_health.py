"""How the service says whether it lives and whether it can serve."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import httpx
import psycopg2
import pytest
from openapi_schema_validator import OAS30Validator

from dev.settings import write_settings
from tests.conftest import TEMPLATE, create_database, database_address
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service, connections_to
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("health")

ALL_WELL = {"postgresql": "ok", "migrations": "ok", "redis": "ok"}
NO_MIGRATIONS = {"postgresql": "ok", "migrations": "missing", "redis": "ok"}
NO_POSTGRESQL = {"postgresql": "missing", "migrations": "missing", "redis": "ok"}
NO_REDIS = ALL_WELL | {"redis": "degraded"}


class Database:
    """A migrated database of this module's own, which may be lost without harm to the others."""

    def __init__(self, name: str):
        create_database(name, template=TEMPLATE)
        self._name = name
        self.url = database_address(name)

    @contextmanager
    def lost(self) -> Iterator[None]:
        """It takes no connections, and ends those it has."""
        self._let_in("false")
        try:
            yield
        finally:
            self._let_in("true")

    @contextmanager
    def never_migrated(self) -> Iterator[None]:
        run(self.url, "ALTER TABLE alembic_version RENAME TO hidden")
        try:
            yield
        finally:
            run(self.url, "ALTER TABLE hidden RENAME TO alembic_version")

    @contextmanager
    def at_revision(self, revision: str | None) -> Iterator[None]:
        """As another release's migrations would leave it."""
        run(self.url, "CREATE TABLE was AS SELECT version_num FROM alembic_version")
        run(self.url, "DELETE FROM alembic_version")
        if revision:
            run(self.url, "INSERT INTO alembic_version VALUES (%s)", revision)
        try:
            yield
        finally:
            run(self.url, "DELETE FROM alembic_version")
            run(self.url, "INSERT INTO alembic_version SELECT version_num FROM was")
            run(self.url, "DROP TABLE was")

    def _let_in(self, allowed: str) -> None:
        address = database_address("postgres")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        run(address, f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS {allowed}')
        run(address, end, self._name)


Loss = Callable[[Database], AbstractContextManager[None]]

LOSSES: dict[str, tuple[Loss, dict[str, str]]] = {
    "lost": (Database.lost, NO_POSTGRESQL),
    "never migrated": (Database.never_migrated, NO_MIGRATIONS),
    "taken down again": (lambda database: database.at_revision(None), NO_MIGRATIONS),
    "of the release before": (lambda database: database.at_revision("0002"), NO_MIGRATIONS),
}
every_loss = pytest.mark.parametrize(("loss", "checks"), LOSSES.values(), ids=LOSSES)


@pytest.fixture(scope="module")
def database(worker: int) -> Database:
    return Database(f"health_{worker}")


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path_factory.mktemp("redis"))
    with own.started():
        yield own


@pytest.fixture(scope="module")
def service(
    database: Database, own_redis: OwnRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    settings = write_settings(
        folder,
        database=database.url,
        cache=own_redis.url(0),
        broker=own_redis.url(1),
        public_url="http://127.0.0.1:8000",
    )
    with Service(settings, folder) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with connections_to(service.url) as client:
        yield client


def test_the_process_lives(http: httpx.Client) -> None:
    response = http.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_with_all_it_needs_the_service_is_ready(http: httpx.Client) -> None:
    response = with_redis(http)
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ready", "checks": ALL_WELL},
    )


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nobody_may_keep_the_answer(http: httpx.Client, path: str) -> None:
    assert http.get(path).headers["Cache-Control"] == "no-store"


@every_loss
def test_without_its_database_the_service_is_not_ready_and_names_what_is_missing(
    http: httpx.Client, database: Database, loss: Loss, checks: dict[str, str]
) -> None:
    with loss(database):
        response = with_redis(http)
    assert assert_problem(response, 503, "unavailable")["checks"] == checks
    assert int(response.headers["Retry-After"]) > 0


@every_loss
def test_what_is_missing_is_told_as_documented(
    http: httpx.Client, database: Database, loss: Loss, checks: dict[str, str]
) -> None:
    with loss(database):
        response = with_redis(http)
    assert response.json()["checks"] == checks
    document = http.get("/openapi.json").json()
    answer = document["paths"]["/readyz"]["get"]["responses"]["503"]
    schema = answer["content"][response.headers["Content-Type"]]["schema"]
    whole = {"allOf": [schema], "components": document["components"]}
    OAS30Validator(whole).validate(response.json())


@every_loss
def test_the_process_lives_whatever_becomes_of_its_database(
    http: httpx.Client, database: Database, loss: Loss, checks: dict[str, str]
) -> None:
    with loss(database):
        assert http.get("/healthz").status_code == 200


@every_loss
def test_the_service_is_ready_again_once_its_database_is_back(
    http: httpx.Client, database: Database, loss: Loss, checks: dict[str, str]
) -> None:
    with loss(database):
        assert http.get("/readyz").status_code == 503
    assert with_redis(http).json()["checks"] == ALL_WELL


def test_a_database_of_a_newer_release_is_good_enough(
    http: httpx.Client, database: Database
) -> None:
    with database.at_revision("9999"):
        assert with_redis(http).json() == {"status": "ready", "checks": ALL_WELL}


def test_without_redis_the_service_is_degraded_and_still_ready(
    http: httpx.Client, own_redis: OwnRedis
) -> None:
    with own_redis.killed():
        response = http.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "degraded", "checks": NO_REDIS},
    )
    status = http.get("/readyz").json()["status"]
    assert_when_quiet(status == "ready", status)


def test_with_a_frozen_redis_the_service_is_degraded_within_a_second(
    http: httpx.Client, own_redis: OwnRedis
) -> None:
    with own_redis.frozen():
        response = http.get("/readyz")
    assert response.json()["status"] == "degraded"
    assert_when_quiet(response.elapsed.total_seconds() < 1, response.elapsed)


def test_with_both_lost_both_are_named(
    http: httpx.Client, own_redis: OwnRedis, database: Database
) -> None:
    with own_redis.killed(), database.lost():
        checks = http.get("/readyz").json()["checks"]
    assert checks == NO_POSTGRESQL | {"redis": "degraded"}


def with_redis(http: httpx.Client) -> httpx.Response:
    """What /readyz says; asked again while a machine with much else to do makes Redis slow."""
    for _ in range(5):
        response = http.get("/readyz")
        if response.json()["checks"]["redis"] == "ok":
            break
    return response


def run(url: str, statement: str, *parameters: Any) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement, parameters)
