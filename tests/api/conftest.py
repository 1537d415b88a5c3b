"""The service as a client meets it: over HTTP, with its own PostgreSQL and Redis behind it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
import redis
from argon2 import PasswordHasher
from flask import Flask

from app import create_app
from app.extensions import db, exchange
from app.queue import HASTY
from app.services import passwords
from app.settings import load_settings
from dev.statements import watched
from tests.endings import Sql
from tests.inbox import Inbox
from tests.people import People, Person
from tests.serving import served

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _redis_has_time() -> Iterator[None]:
    # A machine with much else to do is no lost Redis, without which limits begin anew.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "timeout", 5.0)
        patch.setitem(HASTY, "socket_timeout", 5.0)
        patch.setitem(HASTY, "socket_connect_timeout", 5.0)
        yield


@pytest.fixture(scope="session")
def mail_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mails")


@pytest.fixture(scope="session")
def app(settings_file: Path, mail_folder: Path) -> Flask:
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    # Set here rather than there, for the page that shows them is only made where it is set.
    app.config["MAILBOX"] = str(mail_folder)
    return app


@pytest.fixture(scope="session")
def base_url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture(autouse=True)
def _hashes_are_cheap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # At their full cost they take a third of the time of all these tests.
    if "hashes_at_full_cost" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_hasher", CHEAP)


@pytest.fixture
def hashes_at_full_cost() -> None:
    """Passwords are hashed as in a deployment."""


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    # Loading certificates that plain HTTP does not need would take longer than most tests.
    with httpx.Client(base_url=base_url, timeout=30, verify=False) as client:
        yield client


@pytest.fixture
def register(http: httpx.Client) -> People:
    """Makes people: `register()`, `register(email=…)`, `register(referral_code=…)`."""
    return People(http)


@pytest.fixture
def ada(register: People) -> Person:
    """Somebody."""
    return register(email="ada@example.com")


@pytest.fixture
def inbox(app: Flask, mail_folder: Path) -> Inbox:
    """The mails of this test."""
    for mail in mail_folder.glob("*/*"):
        mail.unlink()
    return Inbox(app, mail_folder)


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """The Redis behind the service."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def statements(app: Flask) -> Callable[[], AbstractContextManager[list[str]]]:
    """Lists the SQL that the service runs meanwhile: `with statements() as ran: …`."""

    with app.app_context():
        engine = db.engine

    @contextmanager
    def record() -> Iterator[list[str]]:
        ran: list[str] = []
        with watched(engine, sent=lambda _, statement, __: ran.append(statement)):
            yield ran

    return record


@pytest.fixture
def without_table(sql: Sql) -> Callable[[str], AbstractContextManager[None]]:
    """Lets the table be gone meanwhile, and so whatever needs it crash."""

    @contextmanager
    def hide(table: str) -> Iterator[None]:
        sql(f"ALTER TABLE {table} RENAME TO hidden")
        try:
            yield
        finally:
            sql(f"ALTER TABLE hidden RENAME TO {table}")

    return hide
