"""The migrations: there and back with rows in every table, and exactly what the models declare."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg2
import pytest
from flask import Flask
from flask_migrate import Migrate
from psycopg2.extensions import get_wait_callback, set_wait_callback
from sqlalchemy import create_engine

from app import patience
from app.database import ENGINE_OPTIONS, init_database
from app.extensions import db
from app.models import Base
from app.settings import load_settings
from dev.settings import write_settings
from dev.waiting import wait_until
from tests.conftest import CHECKOUT, TEMPLATE, create_database, database_address

CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE a.attnum > 0 AND NOT a.attisdropped
            AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
    """,
    # From 18 on PostgreSQL lists NOT NULL here, too, under names that nobody sees.
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
            AND conrelid::regclass::text <> 'alembic_version'
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal
    """,
    "functions": """
        SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """,
    "the rest": """
        SELECT relkind, relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i')
    """,
}
OWN_NAME = re.compile(r"(pk|fk|uq|ck|ix)_[a-z0-9_]+")
# As PostgreSQL names what nobody names.
AUTOMATIC_NAME = re.compile(r".*_(pkey|fkey|key|check|idx|excl)\d*")

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

JOIN = """
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
VALUES (3, 1, 1, 'registration')
"""
# Of the migrations one has this statement.
SLOW_STATEMENT = """
CREATE FUNCTION take_time() RETURNS event_trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep({}); END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION')
EXECUTE FUNCTION take_time();
"""
WAITING = """
SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""

Catalog = dict[str, list[tuple[Any, ...]]]


class Database:
    """A database of the test's own, and `flask db …` on it."""

    def __init__(self, name: str, template: str, folder: Path):
        create_database(name, template)
        self.url = database_address(name)
        self._settings = write_settings(
            folder,
            database=self.url,
            cache="redis://127.0.0.1:1/0",
            broker="redis://127.0.0.1:1/1",
            public_url="http://127.0.0.1:8000",
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "db", *command],
            cwd=CHECKOUT,
            env=os.environ | {"REFERRAL_SETTINGS": str(self._settings)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def flask_db(self, *command: str) -> str:
        return finished(self.start(*command))

    def upgrade_in_this_process(self) -> None:
        """`flask db upgrade`, as impatient as this process is."""
        app = Flask(__name__)
        app.config.from_mapping(load_settings({"REFERRAL_SETTINGS": str(self._settings)}))
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = ENGINE_OPTIONS
        # No more than that, for there is one Redis for all applications of a process.
        init_database(app)
        Migrate(app, db, directory=str(CHECKOUT / "migrations"))
        with app.app_context():
            try:
                flask_migrate.upgrade()
            finally:
                db.engine.dispose()

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def tables(self) -> set[str]:
        found = self.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in found} - {"alembic_version"}

    def catalog(self) -> Catalog:
        """Everything that is in it, as PostgreSQL describes it."""
        return {kind: sorted(self.run(query), key=str) for kind, query in CATALOG.items()}

    def filled_tables(self) -> set[str]:
        return {table for table in self.tables() if self.run(f"SELECT 1 FROM {table} LIMIT 1")}


MakeDatabase = Callable[..., Database]


@pytest.fixture(scope="module")
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


@pytest.fixture
def declared(empty: Database) -> Database:
    """One made of what the models declare, without any migration."""
    engine = create_engine(empty.url.replace("postgresql://", "postgresql+psycopg2://"))
    Base.metadata.create_all(engine)
    engine.dispose()
    return empty


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A request may not wait for PostgreSQL as long as a slow statement takes."""
    monkeypatch.setattr(patience, "WAIT_SECONDS", 0.5)
    options = "-c statement_timeout=500ms"
    monkeypatch.setitem(ENGINE_OPTIONS["connect_args"], "options", options)
    callback = get_wait_callback()
    yield
    set_wait_callback(callback)


def test_down_and_up_again_with_rows_in_every_table(filled: Database) -> None:
    before = filled.catalog()
    filled.flask_db("downgrade", "base")
    assert not any(filled.catalog().values())
    filled.flask_db("upgrade")
    assert filled.catalog() == before


def test_going_up_twice_changes_nothing(filled: Database) -> None:
    before = filled.catalog()
    filled.flask_db("upgrade")
    assert filled.catalog() == before
    assert filled.filled_tables() == filled.tables()


def test_alembic_finds_nothing_to_migrate(migrated: Database) -> None:
    migrated.flask_db("check")


def test_the_migrations_make_exactly_what_the_models_declare(
    migrated: Database, declared: Database
) -> None:
    assert migrated.catalog() == declared.catalog()


def test_an_upgrade_started_twice_at_once_works(empty: Database, migrated: Database) -> None:
    for upgrade in [empty.start("upgrade"), empty.start("upgrade")]:
        finished(upgrade)
    assert empty.catalog() == migrated.catalog()


def test_an_upgrade_waits_for_another_however_long_that_takes(empty: Database) -> None:
    # Longer than either may wait for a table.
    empty.run(SLOW_STATEMENT.format(2.5))
    for upgrade in [empty.start("upgrade"), empty.start("upgrade")]:
        finished(upgrade)


def test_the_sql_for_an_administrator_makes_the_same(empty: Database, migrated: Database) -> None:
    empty.run(empty.flask_db("upgrade", "--sql"))
    assert empty.catalog() == migrated.catalog()


def test_a_migration_gives_way_to_requests_rather_than_hold_them_up(filled: Database) -> None:
    with closing(psycopg2.connect(filled.url)) as busy:
        busy.cursor().execute("LOCK TABLE users IN ACCESS SHARE MODE")
        downgrade = filled.start("downgrade", "base")
        assert "LockNotAvailable" in downgrade.communicate(timeout=15)[1]
        assert downgrade.returncode != 0
    assert filled.filled_tables() == filled.tables()


@pytest.mark.usefixtures("impatient")
def test_a_migration_may_take_longer_than_a_request(empty: Database) -> None:
    empty.run(SLOW_STATEMENT.format(0.8))
    empty.upgrade_in_this_process()
    assert empty.tables()


def test_the_newest_goes_down_while_somebody_registers_with_a_code(filled: Database) -> None:
    with closing(psycopg2.connect(filled.url)) as registering, registering.cursor() as cursor:
        cursor.execute("INSERT INTO users (email, password_hash) VALUES ('c@example.com', 'x')")
        downgrade = filled.start("downgrade")
        wait_until(lambda: filled.run(WAITING) != [], "downgrade that waits", 15)
        cursor.execute(JOIN)
        registering.commit()
    finished(downgrade)


def test_those_who_joined_before_are_counted_and_so_is_who_joins_meanwhile(
    filled: Database,
) -> None:
    filled.flask_db("downgrade", "0002")
    filled.run("INSERT INTO users (email, password_hash) VALUES ('c@example.com', 'x')")
    with closing(psycopg2.connect(filled.url)) as joining:
        # Somebody who is there already: whoever registers meanwhile is waited for earlier.
        joining.cursor().execute(JOIN)
        upgrade = filled.start("upgrade")
        wait_until(lambda: filled.run(WAITING) != [], "upgrade that waits")
        joining.commit()
    finished(upgrade)
    assert filled.run("SELECT referrer_id, total FROM referral_counts") == [(1, 2)]


def test_every_constraint_and_index_has_a_name_of_our_own(migrated: Database) -> None:
    catalog = migrated.catalog()
    names = {name for _, name, _ in catalog["constraints"] + catalog["indexes"]}
    assert len(names) > 20
    assert {name for name in names if not OWN_NAME.fullmatch(name)} == set()
    assert {name for name in names if AUTOMATIC_NAME.fullmatch(name)} == set()


def test_every_name_says_which_table_it_belongs_to(migrated: Database) -> None:
    catalog = migrated.catalog()
    for table, name, _ in catalog["constraints"] + catalog["indexes"]:
        assert name.partition("_")[2].startswith(table)


def test_every_moment_is_kept_with_its_zone(migrated: Database) -> None:
    types = {type_ for _, _, type_, *_ in migrated.catalog()["columns"]}
    assert "timestamp with time zone" in types
    assert "timestamp without time zone" not in types


def finished(process: subprocess.Popen[str]) -> str:
    """What it says once it has ended well."""
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output
