"""What a job cannot avoid, by itself: one argon2id, and its PostgreSQL statements."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from time import perf_counter
from typing import ParamSpec, TypeVar

import psycopg2
import psycopg2.extensions
from argon2 import Parameters, PasswordHasher

from bench.statements import Statements

P = ParamSpec("P")
R = TypeVar("R")
# The session just opened and the referral just made, whose keys are among the statements.
FORGET = """
DELETE FROM sessions WHERE user_id = %(id)s;
DELETE FROM referrals WHERE referee_id = %(id)s AND created_at > now() - interval '1 minute'
"""
PASSWORD = "what is hashed matters to nobody"


def in_a_process_of_its_own(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it where nothing of this process is in its way, nor it in the way of this process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *args, **kwargs).result()


def argon2id(parameters: Parameters, seconds: float) -> float:
    """How long one hash takes with these parameters, in a tight loop, in s."""
    hasher = PasswordHasher.from_parameters(parameters)
    return _time_of(lambda: hasher.hash(PASSWORD), seconds)


def seconds_of(statements: Statements, database: str, seconds: float) -> float:
    """How long these statements take through psycopg2 alone, over and over, in s.

    What writes is undone each time, as the same rows can be written once only: in place of a
    commit it has a rollback, which waits for no disk.
    """
    with closing(psycopg2.connect(database)) as connection:
        statements = _repeatable(statements, connection)
        connection.autocommit = statements.only_read
        cursor = connection.cursor()
        for name, text in statements.prepared.items():
            cursor.execute(f"PREPARE {name} AS {text}")
        if not statements.only_read:
            connection.commit()

        def run() -> None:
            for text in statements.texts:
                cursor.execute(text)
                if cursor.description:
                    cursor.fetchall()
            if not statements.only_read:
                connection.rollback()

        return _time_of(run, seconds)


def _repeatable(statements: Statements, connection: psycopg2.extensions.connection) -> Statements:
    """The statements, with what the request itself has written out of their way."""
    user = statements.answer.get("user")
    if user is None:
        return statements
    with connection, connection.cursor() as cursor:
        cursor.execute(FORGET, user)
    another = f"another-{user['email']}"
    texts = [
        text.replace(user["email"], another) if text.startswith("INSERT INTO users") else text
        for text in statements.texts
    ]
    return replace(statements, texts=texts)


def _time_of(work: Callable[[], object], seconds: float) -> float:
    started, times = perf_counter(), 0
    while (passed := perf_counter() - started) < seconds:
        work()
        times += 1
    return passed / times
