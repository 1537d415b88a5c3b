"""The migrations: there and back with rows in every table, and exactly what the models declare."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import flask_migrate
import pytest
from sqlalchemy import create_engine

from app import patience
from app.database import ENGINE_OPTIONS
from app.models import Base
from tests.migrations.database import SLOW_STATEMENT, Database

OWN_NAME = re.compile(r"(pk|fk|uq|ck|ix)_[a-z0-9_]+")
# As PostgreSQL names what nobody names.
AUTOMATIC_NAME = re.compile(r".*_(pkey|fkey|key|check|idx|excl)\d*")


@pytest.fixture
def declared(empty: Database) -> Database:
    """One made of what the models declare, without any migration."""
    engine = create_engine(empty.url.replace("postgresql://", "postgresql+psycopg2://"))
    Base.metadata.create_all(engine)
    engine.dispose()
    return empty


@contextmanager
def impatient() -> Iterator[None]:
    """A request may not wait for PostgreSQL as long as a slow statement takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "WAIT_SECONDS", 1.5)
        options = "-c statement_timeout=1500ms"
        patch.setitem(ENGINE_OPTIONS["connect_args"], "options", options)
        yield


def test_down_and_up_again_with_rows_in_every_table(filled: Database) -> None:
    before = filled.catalog()
    with filled.at_hand():
        flask_migrate.downgrade(revision="base")
        assert not any(filled.catalog().values())
        flask_migrate.upgrade()
    assert filled.catalog() == before


def test_going_up_twice_changes_nothing(filled: Database) -> None:
    before = filled.catalog()
    with filled.at_hand():
        flask_migrate.upgrade()
    assert filled.catalog() == before
    assert filled.filled_tables() == filled.tables()


def test_alembic_finds_nothing_to_migrate(migrated: Database) -> None:
    with migrated.at_hand():
        flask_migrate.check()


def test_the_migrations_make_exactly_what_the_models_declare(
    migrated: Database, declared: Database
) -> None:
    assert migrated.catalog() == declared.catalog()


def test_a_migration_may_take_longer_than_a_request(empty: Database) -> None:
    empty.run(SLOW_STATEMENT.format(2))
    with impatient(), empty.at_hand():
        flask_migrate.upgrade()
    assert empty.tables()


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
