"""How PostgreSQL is talked to: bounded in time, and with constraints that speak."""

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain
from time import monotonic
from typing import Any

import psycopg2
from flask import Flask
from gevent.monkey import is_module_patched
from gevent.socket import wait_read, wait_write
from psycopg2.extensions import (
    POLL_OK,
    POLL_READ,
    connection,
    get_wait_callback,
    set_wait_callback,
)
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, Text, cast, event, func
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.pool import Pool

from app import patience
from app.connections import is_dead
from app.errors import Problem
from app.extensions import db, replica, task_queue
from app.reading import fetch

# The server gives up a statement first; the client's own deadline is for a server that is frozen,
# which can answer nothing, not even that.
STATEMENT_SECONDS = 4

# Where a session notes the tasks to wake after its commit.
TASKS = "tasks"

# Each statement sees what was committed before it, and locks what it waited for.
IN_TRANSACTION = {"isolation_level": "READ COMMITTED"}

ENGINE_OPTIONS: dict[str, Any] = {
    # Each statement is by itself and takes one round trip, unless `transaction` takes several
    # together.
    "isolation_level": "AUTOCOMMIT",
    # What people sent does not go into the log with an error.
    "hide_parameters": True,
    # How many transactions a process has at once; whoever comes then waits for a connection. No
    # request takes a second one. `app.connections` has those that are read over.
    "pool_size": 16,
    "max_overflow": 0,
    "pool_timeout": patience.WAIT_SECONDS,
    # Those that a rush has opened rest until the next one.
    "pool_use_lifo": True,
    "connect_args": {
        "application_name": "referral",
        "options": (
            f"-c statement_timeout={STATEMENT_SECONDS}s"
            # A worker that stops between two statements must not keep its locks.
            " -c idle_in_transaction_session_timeout=30s"
            r" -c default_transaction_isolation=read\ committed"
            " -c timezone=UTC"
        ),
    },
}


def init_database(app: Flask) -> None:
    """Bind the application to its database, and every wait for it to a deadline."""
    set_wait_callback(_wait)
    db.init_app(app)
    replica.init_app(app.config["SQLALCHEMY_REPLICA_URI"], ENGINE_OPTIONS)
    app.teardown_request(_let_go)


@event.listens_for(Pool, "checkout")
def _refuse_dead(conn: connection, record: Any, _: object) -> None:
    """Have a connection replaced that died while nobody used it."""
    # If new ones die as well, the pool would give up in words that could mean anything.
    was_lent = record.info.setdefault("was lent", False)
    record.info["was lent"] = True
    if was_lent and is_dead(conn):
        raise DisconnectionError


def _let_go(_: BaseException | None) -> None:
    try:
        if db.session.registry.has():
            _close_session()
    finally:
        # Last, for to end a transaction is waited for as well.
        patience.forget()


def _close_session() -> None:
    # A connection that dies when the answer is made already is no error of the request's.
    try:
        db.session.close()
    except DBAPIError:
        db.session().invalidate()


def _wait(conn: connection) -> None:
    """Wait for PostgreSQL, as long as one request may."""
    started = monotonic()
    try:
        _poll(conn, patience.end(started))
    finally:
        patience.spend(monotonic() - started)


def _poll(conn: connection, end: float) -> None:
    while (state := conn.poll()) != POLL_OK:
        if not _is_ready(conn.fileno(), state == POLL_READ, max(0, end - monotonic())):
            raise patience.OutOfPatience("PostgreSQL did not answer in time")


def _is_ready(file: int, to_be_read: bool, seconds: float) -> bool:
    """Whether it is so within this time."""
    if is_module_patched("select"):
        # What it has in place of `poll` does the same at three times the cost.
        try:
            (wait_read if to_be_read else wait_write)(file, seconds)
        except TimeoutError:
            return False
        return True
    poll = select.poll()
    poll.register(file, select.POLLIN if to_be_read else select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def read(
    statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any], may_lag: bool = False
) -> Sequence[Any]:
    """What this statement finds, in one round trip; within a transaction, as a part of it.

    :param statement: one that is made with its module.
    :param may_lag: what was true a moment ago will do, so a replica may be asked.
    """
    if db.session.registry.has() and db.session().in_transaction():
        return db.session.execute(statement, parameters).all()
    found = replica.read(statement, parameters) if may_lag else None
    return fetch(db.engine, statement, parameters) if found is None else found


def rfc3339(moment: SQLColumnExpression[datetime]) -> ColumnElement[str]:
    """This moment as `app.json` writes it (RFC 3339), in UTC."""
    text = func.to_char(func.timezone("UTC", moment), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    return func.replace(text, ".000000Z", "Z")


def json_object(**members: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """A JSON object with these members."""
    return cast(func.json_build_object(*chain(*members.items())), Text)


@contextmanager
def patient_connection() -> Iterator[connection]:
    """A connection of one's own for what takes minutes, which nothing ends early.

    It is for commands: meanwhile no wait of the whole process has a deadline, for COPY knows no
    wait callback, and psycopg2 none of a single connection.
    """
    args, options = db.engine.dialect.create_connect_args(db.engine.url)
    callback = get_wait_callback()
    set_wait_callback(None)
    try:
        with closing(psycopg2.connect(*args, **options)) as conn:
            with conn, conn.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0")
            yield conn
    finally:
        set_wait_callback(callback)


@contextmanager
def transaction(violations: Mapping[str, type[Problem]] | None = None) -> Iterator[None]:
    """Commit what the block did and wake the tasks it has work for, or undo all of it.

    :param violations: the error that stands for the violation of a constraint, by its name.
    """
    db.session.connection(execution_options=IN_TRANSACTION)
    try:
        yield
        db.session.commit()
    except IntegrityError as error:
        _undo()
        meaning = (violations or {}).get(violated_constraint(error) or "")
        if meaning is None:
            raise
        raise meaning() from error
    except BaseException:
        _undo()
        raise
    for task in db.session.info.pop(TASKS, ()):
        task_queue.wake(task)


def wake_after_commit(task: str) -> None:
    """Have this task woken once the transaction of the caller is committed, and only then."""
    db.session.info.setdefault(TASKS, set()).add(task)


def _undo() -> None:
    db.session.info.pop(TASKS, None)
    db.session.rollback()


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that was violated."""
    cause: Any = error.orig
    name: str | None = cause.diag.constraint_name
    return name
