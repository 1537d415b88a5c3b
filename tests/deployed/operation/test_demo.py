"""`flask demo` that is interrupted, or not alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.waiting import wait_until
from tests.conftest import CHECKOUT
from tests.demo.filling import SOMEBODY, USERS, counts
from tests.endings import Sql

Start = Callable[[int], subprocess.Popen[str]]

ENOUGH_TO_BE_INTERRUPTED = 100_000

# The command at work in this database, for others have tables of the same number.
WAITING = """
SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE datname = current_database() AND relation = 'users'::regclass AND NOT granted
"""
COPYING = """
SELECT pid FROM pg_stat_progress_copy
WHERE datname = current_database() AND relid = 'codes'::regclass
"""


@pytest.fixture
def start(settings_file: Path) -> Iterator[Start]:
    """Starts `flask demo` as an operator does."""
    started = []

    def run(users: int) -> subprocess.Popen[str]:
        size = ["--users", str(users), "--referrals", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "demo", *size],
            cwd=CHECKOUT,
            env=os.environ | {"REFERRAL_SETTINGS": str(settings_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Tests in the background ignore Ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_a_database_where_somebody_is_registering_is_left_alone(start: Start, sql: Sql) -> None:
    sql("BEGIN")
    sql(SOMEBODY)
    process = start(USERS)
    wait_until(lambda: bool(sql(WAITING)), "command that waits for the other transaction")
    sql("COMMIT")
    assert process.wait(30) == 1
    assert counts(sql) == (1, 0, 0)


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [(signal.SIGINT, 1, "\nAborted!\n"), (signal.SIGTERM, -15, ""), (signal.SIGKILL, -9, "")],
)
def test_an_interrupted_fill_leaves_nothing(
    start: Start, sql: Sql, how: signal.Signals, status: int, words: str
) -> None:
    process = start(ENOUGH_TO_BE_INTERRUPTED)
    wait_until(lambda: bool(sql(COPYING)), "command that writes codes")
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (status, words)
    wait_until(lambda: not sql(COPYING), "end of the transaction")
    assert counts(sql) == (0, 0, 0)
