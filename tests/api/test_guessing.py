"""A password guessed at from everywhere meets the delays of its account, and harms nobody else."""

import httpx
import redis

from tests.api.behind_a_proxy import app, base_url, http
from tests.api.test_login_throttling import hold_up, log_in
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import NEW_PASSWORD, reset, reset_token
from tests.people import Person, bearer
from tests.problems import assert_problem

__all__ = ["app", "base_url", "http"]

HUNDRED = 100


def guess(http: httpx.Client, email: str) -> tuple[int, bytes]:
    """A wrong password from an address that nothing came from before; the whole answer."""
    body = {"email": email, "password": "a wrong password"}
    answer = http.post("/auth/login", json=body, headers={"X-Request-ID": "the-same-for-all"})
    return answer.status_code, answer.content


def test_a_hundred_guesses_from_as_many_addresses_meet_growing_delays(
    http: httpx.Client, ada: Person, sql: Sql, redis_client: redis.Redis
) -> None:
    answers = [guess(http, ada.email)[0] for _ in range(HUNDRED)]
    redis_client.flushdb()
    answers += [guess(http, ada.email)[0] for _ in range(HUNDRED)]
    assert set(answers) == {401, 429}
    # Five are free; in the quarter of a minute that this takes at most, delays let three more by.
    assert answers.count(401) <= 8
    assert sql("SELECT count FROM failed_attempts") == [(answers.count(401),)]


def test_an_account_that_is_not_there_answers_each_guess_alike(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    guesses = {}
    for email in (ada.email, "nobody@example.com"):
        hold_up(http, sql, email)
        guesses[email] = [guess(http, email) for _ in range(HUNDRED)]
    known, unknown = guesses.values()
    assert known == unknown
    assert {status for status, _ in known} == {429}


def test_the_owner_goes_on_while_somebody_guesses(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    assert ada.get("/auth/me").status_code == 200
    assert ada.publish()["is_active"]
    assert http.post("/auth/refresh", headers=bearer(ada.refresh_token)).status_code == 200


def test_the_link_to_reset_the_password_works_meanwhile_and_ends_the_delay(
    http: httpx.Client, ada: Person, sql: Sql, inbox: Inbox
) -> None:
    hold_up(http, sql, ada.email)
    assert_problem(log_in(http, ada.email), 429, "too_many_attempts")
    assert reset(http, reset_token(http, inbox, ada)).status_code == 204
    assert log_in(http, ada.email, NEW_PASSWORD).status_code == 200
