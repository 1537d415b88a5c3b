"""How one event is written: for programs in production, for people in development."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.logs import formatter
from dev.ports import free_port
from dev.settings import write_settings
from tests.conftest import CHECKOUT

ADDRESS = "canary@example.com"


# In a process of its own, for what is set so is set for all of it.
LOGGING = """
import logging, warnings
from app.logs import init_logs
init_logs(development=False)
{}
"""


def raised() -> Exception:
    """An error and the one that it came from, both with an address in what they say."""
    try:
        try:
            {}[ADDRESS]
        except KeyError as error:
            raise ValueError(ADDRESS) from error
    except ValueError as error:
        return error


def line(message: object, *args: object, error: Exception | None = None, **kwargs: bool) -> str:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app.x", logging.ERROR, "", 0, message, args, exc_info)  # type: ignore[arg-type]
    return formatter(kwargs.get("development", False)).format(record)


def test_an_exception_is_its_type_and_where_it_was_raised_and_what_it_came_from() -> None:
    error, cause = json.loads(line("A mishap", error=raised()))["exception"]
    assert (error["type"], cause["type"]) == ("ValueError", "KeyError")
    for each in (error, cause):
        assert re.fullmatch(r"tests/test_log_lines\.py:\d+:raised", each["stack"][-1])


@pytest.mark.parametrize("development", [False, True])
def test_no_line_says_what_an_exception_says(development: bool) -> None:
    error = raised()
    named = line("%(what)s", {"what": error}, development=development)
    for written in (
        line("Why: %s %r", error, error, error=error, development=development),
        line(error, development=development),
        named,
    ):
        assert "ValueError" in written
        assert "canary" not in written


def test_exceptions_that_go_round_in_circles_have_an_end() -> None:
    error, other = ValueError(), KeyError()
    error.__cause__, other.__cause__ = other, error
    assert len(json.loads(line("A mishap", error=error))["exception"]) == 10


def test_in_production_an_event_is_one_line_whatever_it_says() -> None:
    written = line("a\nb\u2028c\x85d")
    assert written.splitlines() == [written]
    assert json.loads(written)["message"] == "a\nb\u2028c\x85d"


def test_in_development_a_line_is_readable_and_what_belongs_to_it_stands_below() -> None:
    first, *others = line("A mishap\nof two", error=raised(), development=True).splitlines()
    assert re.fullmatch(r"[\d-]{10}T[\d:.]{12}Z ERROR app\.x \[-\] A mishap", first)
    assert [other.split(":")[0] for other in others] == [
        "    of two",
        "    ValueError",
        "      tests/test_log_lines.py",
        "    KeyError",
        "      tests/test_log_lines.py",
    ]


def test_a_command_that_crashes_ends_with_a_json_line_too(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    settings = write_settings(
        tmp_path,
        DEVELOPMENT=False,
        database=f"postgresql://ada:canary@{nobody}/db",
        cache=f"redis://{nobody}",
        broker=f"redis://{nobody}",
        public_url="http://127.0.0.1",
    )
    run = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=CHECKOUT,
        env=os.environ | {"REFERRAL_SETTINGS": str(settings)},
        capture_output=True,
        text=True,
    )
    *_, last = [json.loads(line) for line in run.stderr.splitlines()]
    assert run.returncode == 1
    assert last["exception"][0]["type"] == "sqlalchemy.exc.OperationalError"
    assert "canary" not in run.stdout + run.stderr


def test_of_a_line_that_cannot_be_made_nothing_is_told() -> None:
    too_few = f'logging.getLogger("app").error("%s of %s", "{ADDRESS}")'
    assert "canary" not in logged_by(too_few)


def test_a_warning_is_a_json_line_too() -> None:
    (warning,) = map(json.loads, logged_by('warnings.warn("Beware")').splitlines())
    assert (warning["logger"], warning["level"]) == ("py.warnings", "WARNING")


def logged_by(statement: str) -> str:
    """What a process in production writes that does this."""
    command = [sys.executable, "-c", LOGGING.format(statement)]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return run.stderr
