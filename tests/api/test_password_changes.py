"""A person gives themselves another password, and whoever had the old one is out."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import psycopg2
import pytest

from dev.waiting import wait_until
from tests.endings import Sql
from tests.holding import WAITING
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem

NEW_PASSWORD = "another good password"
WRONG = "a wrong password"
FREE = 5
REFUSED = {
    "short": "hgwqzrt",
    "long": "h" * 129,
    "common": "password1",
    "NUL": "hgwqzrtb\0",
    "null": None,
    "number": 12345678,
    "list": ["another good password"],
}


Ask = Callable[[], httpx.Response]
Meeting = Callable[..., list[httpx.Response]]


def change(person: Person, current: Any = PASSWORD, new: Any = NEW_PASSWORD) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return person.post("/auth/change_password", body)


def log_in(http: httpx.Client, person: Person, password: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": person.email, "password": password})


def refresh(http: httpx.Client, person: Person) -> httpx.Response:
    return http.post("/auth/refresh", headers=bearer(person.refresh_token))


def hold_up(person: Person, sql: Sql) -> None:
    """Have so many wrong passwords counted that the delay is a minute."""
    assert_problem(change(person, current=WRONG), 403, "wrong_password")
    sql("UPDATE failed_attempts SET count = 100")
    assert_problem(change(person, current=WRONG), 403, "wrong_password")


def test_the_new_password_takes_the_place_of_the_old(http: httpx.Client, ada: Person) -> None:
    response = change(ada)
    assert (response.status_code, response.content) == (204, b"")
    assert log_in(http, ada, NEW_PASSWORD).status_code == 200
    assert_problem(log_in(http, ada, PASSWORD), 401, "invalid_credentials")


def test_every_other_session_ends(http: httpx.Client, ada: Person) -> None:
    others = [ada.log_in(), ada.log_in()]
    change(ada)
    for other in others:
        assert_problem(other.get("/auth/me"), 401, "token_revoked")
        assert_problem(refresh(http, other), 401, "token_revoked")


def test_ones_own_session_goes_on(http: httpx.Client, ada: Person) -> None:
    change(ada)
    assert ada.get("/auth/me").status_code == 200
    assert refresh(http, ada).status_code == 200


def test_the_sessions_of_others_go_on(ada: Person, register: People) -> None:
    grace = register()
    change(ada)
    assert grace.get("/auth/me").status_code == 200


def test_without_the_current_password_nothing_changes(http: httpx.Client, ada: Person) -> None:
    other = ada.log_in()
    assert_problem(change(ada, current=WRONG), 403, "wrong_password")
    assert log_in(http, ada, PASSWORD).status_code == 200
    assert log_in(http, ada, NEW_PASSWORD).status_code == 401
    assert other.get("/auth/me").status_code == 200


@pytest.mark.parametrize(
    "current", ["", PASSWORD + "x", PASSWORD.upper(), PASSWORD + "\0", "x" * 1000]
)
def test_any_other_string_is_a_wrong_password(ada: Person, current: str) -> None:
    assert_problem(change(ada, current=current), 403, "wrong_password")


def test_the_password_of_somebody_else_is_a_wrong_one(ada: Person, register: People) -> None:
    register(password="the password of somebody else")
    response = change(ada, current="the password of somebody else")
    assert_problem(response, 403, "wrong_password")


@pytest.mark.parametrize("new", REFUSED.values(), ids=REFUSED)
def test_a_new_password_that_could_not_be_registered_is_refused(
    http: httpx.Client, ada: Person, new: Any
) -> None:
    problem = assert_problem(change(ada, new=new), 422, "validation_error")
    assert problem["errors"].keys() == {"new_password"}
    assert log_in(http, ada, PASSWORD).status_code == 200


@pytest.mark.parametrize("current", [None, 12345678, True, [PASSWORD], {}], ids=repr)
def test_a_current_password_that_is_no_string_is_named(ada: Person, current: Any) -> None:
    problem = assert_problem(change(ada, current=current), 422, "validation_error")
    assert problem["errors"].keys() == {"current_password"}


@pytest.mark.parametrize("missing", ["current_password", "new_password"])
def test_both_passwords_are_needed(http: httpx.Client, ada: Person, missing: str) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    del body[missing]
    response = ada.post("/auth/change_password", body)
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {missing}
    assert log_in(http, ada, PASSWORD).status_code == 200


def test_a_field_nobody_asked_for_is_refused(http: httpx.Client, ada: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "email": "x@example.com"}
    response = ada.post("/auth/change_password", body)
    assert assert_problem(response, 422, "validation_error")["errors"].keys() == {"email"}
    assert log_in(http, ada, PASSWORD).status_code == 200


def test_a_stranger_changes_nothing(http: httpx.Client, ada: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert_problem(http.post("/auth/change_password", json=body), 401, "token_missing")
    headers = bearer(ada.refresh_token)
    response = http.post("/auth/change_password", json=body, headers=headers)
    assert_problem(response, 401, "token_invalid")
    assert log_in(http, ada, PASSWORD).status_code == 200


def test_guesses_at_the_current_password_have_to_wait(ada: Person, sql: Sql) -> None:
    hold_up(ada, sql)
    response = change(ada)
    assert_problem(response, 429, "too_many_attempts")
    assert 30 < int(response.headers["Retry-After"]) <= 60
    sql("UPDATE failed_attempts SET retry_at = now()")
    assert change(ada).status_code == 204


def test_guesses_sent_at_once_gain_nothing_over_guesses_in_a_row(ada: Person) -> None:
    with ThreadPoolExecutor(30) as crowd:
        answers = list(crowd.map(lambda _: change(ada, current=WRONG).status_code, range(30)))
    # A few more than in a row, should the first delays end meanwhile.
    assert answers.count(403) <= 2 * FREE


def test_the_right_password_starts_the_count_anew(ada: Person, sql: Sql) -> None:
    for _ in range(FREE - 1):
        assert_problem(change(ada, current=WRONG), 403, "wrong_password")
    assert change(ada).status_code == 204
    assert sql("SELECT * FROM failed_attempts") == []
    for _ in range(FREE):
        assert_problem(change(ada, current=WRONG), 403, "wrong_password")


def test_once_a_delay_runs_the_right_password_changes_nothing_though_many_ask_at_once(
    http: httpx.Client, ada: Person, sql: Sql, database_url: str
) -> None:
    with closing(psycopg2.connect(database_url)) as holder, ThreadPoolExecutor(3) as crowd:
        # So long they are past the first look, which found no delay.
        holder.cursor().execute("SELECT FROM users FOR UPDATE")
        answers = [crowd.submit(change, ada) for _ in range(3)]
        wait_until(lambda: sql(WAITING) == [(3,)], "changes that wait", 3)
        hold_up(ada, sql)
        holder.rollback()
    for answer in answers:
        assert_problem(answer.result(), 429, "too_many_attempts")
    assert log_in(http, ada, PASSWORD).status_code == 200


def test_wrong_passwords_here_do_not_hold_up_log_ins(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(ada, sql)
    assert change(ada).status_code == 429
    assert log_in(http, ada, PASSWORD).status_code == 200


@pytest.mark.parametrize("order", ["the log-in first", "the change first"])
def test_a_log_in_under_way_gains_nothing_by_the_old_password(
    http: httpx.Client, ada: Person, answers_that_meet: Meeting, order: str
) -> None:
    asks: list[Ask] = [lambda: log_in(http, ada, PASSWORD), lambda: change(ada)]
    if order == "the change first":
        asks.reverse()
    answers = answers_that_meet(*asks)
    answers.sort(key=lambda answer: answer.request.url.path)
    changed, logged_in = answers
    assert changed.status_code == 204
    assert logged_in.status_code == 401 or is_out(http, logged_in.json()["access_token"])


def test_of_two_changes_at_once_one_wins(
    http: httpx.Client, ada: Person, answers_that_meet: Meeting
) -> None:
    elsewhere = ada.log_in()
    first, second = answers_that_meet(
        lambda: change(ada, new="the first new password"),
        lambda: change(elsewhere, new="the second new password"),
    )
    assert first.status_code == 204
    assert_problem(second, 403, "wrong_password")
    assert log_in(http, ada, "the first new password").status_code == 200


def is_out(http: httpx.Client, access_token: str) -> bool:
    return http.get("/auth/me", headers=bearer(access_token)).status_code == 401


@pytest.fixture
def answers_that_meet(database_url: str, sql: Sql, ada: Person) -> Meeting:
    """Sends requests that all check Ada's password before any of them goes on.

    Then they go on in the order given, one waiting for the other to be done with her row.
    """

    def meet(*asks: Ask) -> list[httpx.Response]:
        answers: list[Future[httpx.Response]] = []
        with ThreadPoolExecutor() as background, closing(psycopg2.connect(database_url)) as holder:
            # Held as a change of the row holds it.
            query = "SELECT FROM users WHERE id = %s FOR NO KEY UPDATE"
            holder.cursor().execute(query, [ada.id])
            for ask in asks:
                answers.append(background.submit(ask))
                wait_until(lambda: sql(WAITING) == [(len(answers),)], "it waits", seconds=3)
        return [answer.result() for answer in answers]

    return meet
