"""The service as it is deployed, with PostgreSQL and Redis behind it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dev.running import temporary_folder
from dev.settings import write_settings
from tests.conftest import GENEROUS, migrate
from tests.deployed.own_postgres import OwnPostgres
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service, connections_to
from tests.deployed.together import MANY, at_once
from tests.people import People, Person


@pytest.fixture(scope="module")
def service_settings(settings_file: Path) -> Path:
    """The settings the service runs with; a module with servers of its own has its own."""
    return settings_file


@pytest.fixture(scope="module")
def service(service_settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(service_settings, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with connections_to(service.url) as client:
        yield client


@pytest.fixture
def register(http: httpx.Client) -> People:
    """Makes people: `register()`, `register(email=…)`, `register(referral_code=…)`."""
    return People(http)


@pytest.fixture
def crowd(register: People) -> list[Person]:
    """Forty people."""
    return at_once([register] * MANY)


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path_factory.mktemp("redis"))
    with own.started():
        yield own


@pytest.fixture(scope="module")
def settings_with_own_redis(
    own_redis: OwnRedis, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Settings that lead to this worker's database, and to a Redis that may be lost."""
    return settings_for(tmp_path_factory.mktemp("settings"), database_url, own_redis.url())


@pytest.fixture(scope="session")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """Migrated."""
    with temporary_folder() as folder:
        own = OwnPostgres(folder)
        with own.started():
            migrate(settings_for(tmp_path_factory.mktemp("migration"), own.url, "redis://unused"))
            yield own


@pytest.fixture(scope="module")
def settings_with_own_servers(
    own_postgres: OwnPostgres, own_redis: OwnRedis, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Settings that lead to a PostgreSQL and a Redis that may be lost."""
    return settings_for(tmp_path_factory.mktemp("settings"), own_postgres.url, own_redis.url())


def settings_for(folder: Path, database: str, cache: str) -> Path:
    return write_settings(
        folder,
        database=database,
        cache=cache,
        broker=cache,
        public_url="http://127.0.0.1:8000",
        **GENEROUS,
    )
