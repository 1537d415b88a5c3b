"""How Alembic reaches the database: `flask db …` runs this inside the application."""

from alembic import context
from flask import current_app
from psycopg2.extensions import set_wait_callback
from sqlalchemy import Connection, text

from app.database import IN_TRANSACTION
from app.extensions import db

# Any number will do, so long as it is always the same.
MIGRATION_LOCK = 7_258_801


def migrate() -> None:
    # A migration of a large table takes longer than a request may.
    set_wait_callback(None)
    with db.engine.execution_options(**IN_TRANSACTION).begin() as connection:
        _take_turns(connection)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


def _take_turns(connection: Connection) -> None:
    """Let migrations that are started at once run one after the other."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    # Better to fail and be run again than to hold up every request behind a waiting ALTER.
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))


def print_sql() -> None:
    context.configure(dialect_name="postgresql", target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_sql()
else:
    migrate()
