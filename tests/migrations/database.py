"""A database of a test's own, and its migrations."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from flask import Flask
from flask_migrate import Migrate
from psycopg2.extensions import get_wait_callback, set_wait_callback

from app.database import ENGINE_OPTIONS, init_database
from app.extensions import db
from app.settings import load_settings
from dev.settings import write_settings
from tests.conftest import CHECKOUT, create_database, database_address

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
# Of the migrations one has this statement.
SLOW_STATEMENT = """
CREATE FUNCTION take_time() RETURNS event_trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_sleep({}); END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION')
EXECUTE FUNCTION take_time();
"""

Catalog = dict[str, list[tuple[Any, ...]]]


class Database:
    """An empty one, or a copy of another."""

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
        """Start `flask db …` on it."""
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "db", *command],
            cwd=CHECKOUT,
            env=os.environ | {"REFERRAL_SETTINGS": str(self._settings)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def flask_db(self, *command: str) -> str:
        """What `flask db …` says that succeeds."""
        return finished(self.start(*command))

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """What `flask_migrate` does meanwhile it does to this one, in less time than a command.

        It is as impatient as this process is.
        """
        app = Flask(__name__)
        app.config.from_mapping(load_settings({"REFERRAL_SETTINGS": str(self._settings)}))
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = ENGINE_OPTIONS
        callback = get_wait_callback()
        # No more than that, for there is one Redis for all applications of a process.
        init_database(app)
        Migrate(app, db, directory=str(CHECKOUT / "migrations"))
        with app.app_context():
            try:
                yield
            finally:
                db.engine.dispose()
                set_wait_callback(callback)

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


def finished(process: subprocess.Popen[str]) -> str:
    """What it says once it has ended well."""
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output
