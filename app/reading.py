"""Reading from PostgreSQL by statements that are written out and planned once.

SQLAlchemy composes them. To have it look up at every request what it has made of one, and take the
answer through rows of its own, costs as much as all else about the statement; and for PostgreSQL it
costs more to plan one than to execute it.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg2
from psycopg2 import InterfaceError, OperationalError
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg2.extensions import adapt
from sqlalchemy import Engine, Select
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from app.connections import readers_of
from app.patience import OutOfPatience

# What PostgreSQL says to those whom it cuts off (its manual, appendix A).
SHUTDOWN = "57P"

DIALECT = PGDialect_psycopg2()  # type: ignore[no-untyped-call]


class WrittenOut(NamedTuple):
    """A statement as it is sent, and as PostgreSQL keeps it, planned, under a name."""

    sql: str
    name: str
    prepare: str
    execute: str
    row: Any


def fetch(
    engine: Engine, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]
) -> Sequence[Any]:
    """The rows that this statement finds, over a connection of its own.

    :param statement: one that is made with its module, for it is remembered.
    :raises psycopg2.Error: PostgreSQL does not answer.
    """
    written = _written_out(statement)
    try:
        return _fetch(engine, written, parameters)
    except (OperationalError, InterfaceError) as error:
        if not _was_cut(error):
            raise
        # While nobody used it, and others may be as well. To read once more does no harm.
        engine.dispose()
        return _fetch(engine, written, parameters)


def _was_cut(error: psycopg2.Error) -> bool:
    """Whether PostgreSQL, or its end, has closed the connection."""
    if isinstance(error, OutOfPatience):
        return False
    return error.pgcode is None or error.pgcode.startswith(SHUTDOWN)


def _fetch(engine: Engine, written: WrittenOut, parameters: Mapping[str, Any]) -> Sequence[Any]:
    readers = readers_of(engine)
    reader = readers.take()
    try:
        cursor = reader.connection.cursor()
        if written.name not in reader.planned:
            _prepare(cursor, written)
            reader.planned.add(written.name)
        _execute(cursor, written, parameters)
        rows = list(map(written.row._make, cursor.fetchall()))
    except BaseException:
        # Who knows what it is in the middle of.
        reader.connection.close()
        readers.give_back(None)
        raise
    readers.give_back(reader)
    return rows


def _prepare(cursor: Any, written: WrittenOut) -> None:
    # Behind PgBouncer a connection of another's may have it, under the same name for the same text.
    with suppress(DuplicatePreparedStatement):
        cursor.execute(written.prepare)


def _execute(cursor: Any, written: WrittenOut, parameters: Mapping[str, Any]) -> None:
    try:
        cursor.execute(written.execute, parameters)
    except InvalidSqlStatementName:
        # As PgBouncer gives another connection each time; this one has it from now on.
        _prepare(cursor, written)
        cursor.execute(written.sql, parameters)


@cache
def _written_out(statement: Select[*tuple[Any, ...]]) -> WrittenOut:
    compiled = statement.compile(dialect=DIALECT)
    given = [name for name, value in compiled.params.items() if value is None]
    constants = {
        name: adapt(value).getquoted().decode()
        for name, value in compiled.params.items()
        if name not in given
    }
    sql = str(compiled) % ({name: f"%({name})s" for name in given} | constants)
    text = sql % {name: f"${place}" for place, name in enumerate(given, start=1)}
    arguments = ", ".join(f"%({each})s" for each in given)
    name = f"read_{sha256(text.encode()).hexdigest()[:16]}"
    return WrittenOut(
        sql=sql,
        name=name,
        prepare=f"PREPARE {name} AS {text}",
        execute=f"EXECUTE {name} ({arguments})" if given else f"EXECUTE {name}",
        row=namedtuple("Row", [each.key or "" for each in statement.selected_columns], rename=True),
    )
