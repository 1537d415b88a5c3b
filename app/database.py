"""How PostgreSQL is talked to: bounded in time, and with constraints that speak."""

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, cast

import psycopg2
from flask import Flask, g, has_request_context
from psycopg2.extensions import POLL_OK, POLL_READ, connection, set_wait_callback
from sqlalchemy import Row, Select
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.errors import Problem
from app.extensions import db, replica, task_queue
from app.replica import deadline

# The server gives up a statement first; the client's own deadline is for a server that is frozen,
# which can answer nothing, not even that.
STATEMENT_SECONDS = 4
WAIT_SECONDS = 5

# Where a session notes the tasks to wake after its commit.
TASKS = "tasks"

ENGINE_OPTIONS: dict[str, Any] = {
    # What people sent does not go into the log with an error.
    "hide_parameters": True,
    # No limit but the number of threads, so none has to queue for a connection.
    "pool_size": 0,
    # After a restart of PostgreSQL the dead connections are replaced, not answered with an error.
    "pool_pre_ping": True,
    "connect_args": {
        "application_name": "referral",
        "options": (
            f"-c statement_timeout={STATEMENT_SECONDS}s"
            # A worker that stops between two statements must not keep its locks.
            " -c idle_in_transaction_session_timeout=30s"
            # Each statement must see what was committed before it, locks what it waited for.
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


def _let_go(_: BaseException | None) -> None:
    # A connection that dies when the answer is made already is no error of the request's.
    try:
        db.session.close()
    except DBAPIError:
        db.session().invalidate()


def _wait(conn: connection) -> None:
    """Wait for PostgreSQL, as long as one request may wait for it in all."""
    started, waited = monotonic(), g.get("waited", 0.0) if has_request_context() else 0.0
    try:
        _poll(conn, min(started + WAIT_SECONDS - waited, deadline.get()))
    finally:
        if has_request_context():
            g.waited = waited + monotonic() - started


def _poll(conn: connection, end: float) -> None:
    while (state := conn.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(conn.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not poll.poll(max(0, end - monotonic()) * 1000):
            raise psycopg2.OperationalError("PostgreSQL did not answer in time")


def rows(statement: Select[*tuple[Any, ...]], may_lag: bool) -> Sequence[Row[*tuple[Any, ...]]]:
    """What this statement finds; the replica is asked where that may lag a moment behind."""
    found = replica.rows(statement) if may_lag else None
    return db.session.execute(statement).all() if found is None else found


@contextmanager
def transaction(violations: Mapping[str, type[Problem]] | None = None) -> Iterator[None]:
    """Commit what the block did and wake the tasks it has work for, or undo all of it.

    :param violations: the error that stands for the violation of a constraint, by its name.
    """
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
    cause = cast("psycopg2.Error", error.orig)
    return cause.diag.constraint_name
