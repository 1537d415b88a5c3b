"""One PostgreSQL and one Valkey for all tests; a database of its own for each worker."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
import pytest
import redis
from hypothesis import HealthCheck, settings

from app.settings import LIMITS
from dev.environment import forget_postgres_client
from dev.postgres import Postgres
from dev.running import Running, temporary_folder
from dev.settings import write_settings
from dev.valkey import Valkey
from tests.quiet import Noise

CHECKOUT = Path(__file__).parent.parent
TEMPLATE = "migrated"
POSTGRES_URL = "TESTS_POSTGRES_URL"
REDIS_URL = "TESTS_REDIS_URL"

# The tests are thousands of requests from one network address.
GENEROUS = dict.fromkeys(LIMITS, "1000000 per minute")

# A machine may have much else to do.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

servers = pytest.StashKey[contextlib.ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    if not is_worker(session.config):
        # SIGTERM, too, ends the tests in a way that stops the servers.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        session.config.stash[servers] = contextlib.ExitStack()
        start_servers(session.config.stash[servers])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # By modules, for to be ready to try a test again costs each ten milliseconds.
    noisy = [
        item for item in items if hasattr(item.getparent(pytest.Module).obj, "assert_when_quiet")
    ]
    for item in noisy:
        if not config.option.usepdb:
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=Noise))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash.get(servers, contextlib.ExitStack()).close()


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def start_servers(stack: contextlib.ExitStack) -> None:
    """Leave their addresses where the workers, which are child processes, find them."""
    forget_postgres_client()
    folder = stack.enter_context(temporary_folder())
    postgres = Postgres(folder / "postgres", durable=False)
    valkey = Valkey(folder / "valkey")
    stack.enter_context(Running(postgres))
    stack.enter_context(Running(valkey))
    os.environ[POSTGRES_URL] = postgres.url("")
    os.environ[REDIS_URL] = valkey.url()
    create_database(TEMPLATE)
    migrate(settings_for(folder, TEMPLATE, worker=0))


def create_database(name: str, template: str = "template1") -> None:
    connection = psycopg2.connect(database_address("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        # A test that is tried again may find what its first try has left.
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    connection.close()


def database_address(name: str) -> str:
    return os.environ[POSTGRES_URL] + name


def redis_address(number: int) -> str:
    return os.environ[REDIS_URL].removesuffix("/0") + f"/{number}"


def settings_for(folder: Path, database: str, worker: int) -> Path:
    return write_settings(
        folder,
        database=database_address(database),
        cache=redis_address(2 * worker),
        broker=redis_address(2 * worker + 1),
        public_url="http://127.0.0.1:8000",
        **GENEROUS,
    )


def migrate(settings: Path) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    environment = os.environ | {"REFERRAL_SETTINGS": str(settings)}
    run = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    if run.returncode:
        pytest.exit(f"The migrations fail:\n{run.stdout}{run.stderr}", returncode=1)


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> int:
    """The number of this worker process, from 1."""
    worker_id: str = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(worker_id.removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def database_url(worker: int) -> str:
    """A migrated database that no other worker uses."""
    create_database(f"worker_{worker}", template=TEMPLATE)
    return database_address(f"worker_{worker}")


@pytest.fixture(scope="session")
def redis_url(worker: int) -> str:
    """A Redis database that no other worker uses."""
    return redis_address(2 * worker)


@pytest.fixture(scope="session")
def settings_file(database_url: str, worker: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings that lead to this worker's databases."""
    return settings_for(tmp_path_factory.mktemp("settings"), f"worker_{worker}", worker)


@pytest.fixture(scope="session")
def _connection(database_url: str) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture
def sql(database_url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Runs a statement in the database behind the service and gives its rows."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True

    def run(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    yield run
    connection.close()


@pytest.fixture(scope="session")
def _redis(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_databases(_connection: psycopg2.extensions.connection, _redis: redis.Redis) -> None:
    """Every test starts from nothing, whatever the last one left."""
    with _connection.cursor() as cursor:
        cursor.execute(EMPTY_TABLES)
    _redis.flushdb()


# DELETE takes a tenth of the time of TRUNCATE where there are few rows; as a replica it minds no
# foreign keys.
EMPTY_TABLES = """
SET lock_timeout = '5s';
SET session_replication_role = replica;
DO $$
DECLARE name regclass;
BEGIN
    FOR name IN SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'alembic_version'
    LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
    PERFORM setval(oid::regclass, 1, false) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
END $$
"""
