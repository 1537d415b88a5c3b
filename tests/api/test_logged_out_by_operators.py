"""`flask users log-out EMAIL`: an operator ends the sessions of somebody."""

from collections.abc import Callable

import httpx
import pytest
from click.testing import Result
from flask import Flask

from tests.people import People, Person, bearer
from tests.problems import assert_problem

LogOut = Callable[[str], Result]


def test_every_session_of_the_person_is_over(
    http: httpx.Client, ada: Person, log_out: LogOut
) -> None:
    elsewhere = ada.log_in()
    assert log_out("ADA@example.com").exit_code == 0
    for session in (ada, elsewhere):
        assert_problem(session.get("/auth/me"), 401, "token_revoked")
        again = http.post("/auth/refresh", headers=bearer(session.refresh_token))
        assert_problem(again, 401, "token_revoked")


def test_the_person_may_log_in_again(ada: Person, log_out: LogOut) -> None:
    log_out(ada.email)
    assert ada.log_in().get("/auth/me").is_success


def test_the_sessions_of_others_go_on(register: People, ada: Person, log_out: LogOut) -> None:
    grace = register()
    log_out(ada.email)
    assert grace.get("/auth/me").is_success


@pytest.mark.parametrize("email", ["nobody@example.com", "ada", "", "ada@example.com\0"])
def test_an_address_without_an_account_logs_nobody_out(
    ada: Person, log_out: LogOut, email: str
) -> None:
    result = log_out(email)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no account for")
    assert ada.get("/auth/me").is_success


@pytest.fixture
def log_out(app: Flask) -> LogOut:
    runner = app.test_cli_runner()
    return lambda email: runner.invoke(args=["users", "log-out", email])
