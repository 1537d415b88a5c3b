"""Databases of the tests' own."""

from collections.abc import Callable
from itertools import count

import pytest

from tests.conftest import TEMPLATE
from tests.migrations.database import Database

ROWS = """
INSERT INTO users (email, password_hash) VALUES ('ada@example.com', 'x'), ('b@example.com', 'x');
INSERT INTO sessions (id, user_id, expires_at) VALUES (gen_random_uuid(), 1, now());
INSERT INTO refresh_tokens (jti, session_id) SELECT gen_random_uuid(), id FROM sessions;
INSERT INTO failed_attempts VALUES ('x', 1, now(), now());
INSERT INTO codes (user_id, code, is_activated, expires_at) VALUES (1, 'ADA-LOVES', true, now());
INSERT INTO outbox (kind, payload) VALUES ('verify_email', '{"user_id": 1}');
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
VALUES (2, 1, 1, 'registration');
"""

MakeDatabase = Callable[..., Database]


@pytest.fixture(scope="session")
def make_database(worker: int, tmp_path_factory: pytest.TempPathFactory) -> MakeDatabase:
    numbers = count()

    def make(template: str = "template1") -> Database:
        name = f"migrations_{worker}_{next(numbers)}"
        return Database(name, template, tmp_path_factory.mktemp(name))

    return make


@pytest.fixture
def empty(make_database: MakeDatabase) -> Database:
    return make_database()


@pytest.fixture
def migrated(make_database: MakeDatabase) -> Database:
    return make_database(TEMPLATE)


@pytest.fixture
def filled(migrated: Database) -> Database:
    """One with rows in every table."""
    migrated.run(ROWS)
    assert migrated.filled_tables() == migrated.tables()
    return migrated
