"""What the service wants of PostgreSQL it has, whatever this database is set to for others."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.database import read, transaction
from app.extensions import db
from tests.endings import Sql
from tests.people import People

OTHERS = {
    "timezone": "Asia/Tokyo",
    "default_transaction_isolation": "serializable",
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "0",
}
WANTED = {
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "30s",
    "statement_timeout": "4s",
}
IN_FORCE = select(*(func.current_setting(name).label(name) for name in WANTED))

pytestmark = pytest.mark.usefixtures("others")


def test_times_are_told_in_utc(register: People) -> None:
    person = register()
    created = person.get("/auth/me").json()["created_at"]
    published = person.publish()
    for told in (created, published["created_at"], published["expires_at"]):
        assert told.endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    assert timedelta(0) <= age < timedelta(minutes=1)


@pytest.mark.parametrize("within", [nullcontext, transaction])
def test_every_connection_is_set_as_the_service_wants(
    app: Flask, within: Callable[[], AbstractContextManager[None]]
) -> None:
    with app.app_context(), within():
        (in_force,) = read(IN_FORCE, {})
    assert in_force._asdict() == WANTED


def test_an_error_does_not_say_what_somebody_has_sent(app: Flask) -> None:
    with app.app_context(), pytest.raises(DBAPIError) as error, transaction():
        db.session.execute(text("SELECT :sent, 1 / 0"), {"sent": "ada@example.com"})
    assert "division by zero" in str(error.value)
    assert "ada@example.com" not in str(error.value)


@pytest.fixture
def others(app: Flask, sql: Sql) -> Iterator[None]:
    """This database has settings of its own for whoever connects."""
    (name,) = sql("SELECT current_database()")[0]
    for setting, value in OTHERS.items():
        sql(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")
    connect_anew(app)
    yield
    sql(f'ALTER DATABASE "{name}" RESET ALL')
    connect_anew(app)


def connect_anew(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose()
