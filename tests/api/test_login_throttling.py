"""Wrong passwords for one address are met with delays that grow, and hold up nothing else."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import psycopg2
import pytest
import redis

from app.database import ENGINE_OPTIONS
from dev.waiting import wait_until
from tests.endings import Sql
from tests.holding import WAITING
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem

FREE = 5
LONG_PAST = """
INSERT INTO failed_attempts
SELECT sha256(n::text::bytea), 1, now() - interval '1 hour', now() - interval '1 hour'
FROM generate_series(1, %s) AS n
"""


def log_in(http: httpx.Client, email: str, password: str = "a wrong password") -> httpx.Response:
    return http.post("/auth/login", json={"email": email, "password": password})


def ask_for_tokens(http: httpx.Client, email: str) -> httpx.Response:
    form = {"grant_type": "password", "username": email, "password": "a wrong password"}
    return http.post("/auth/token", data=form)


def fail(http: httpx.Client, email: str, times: int = FREE) -> None:
    for _ in range(times):
        assert_problem(log_in(http, email), 401, "invalid_credentials")


def hold_up(http: httpx.Client, sql: Sql, email: str) -> None:
    """Have so many wrong passwords counted that the delay is a minute."""
    fail(http, email, 1)
    sql("UPDATE failed_attempts SET count = 100")
    fail(http, email, 1)


def let_delays_end(sql: Sql) -> None:
    sql("UPDATE failed_attempts SET retry_at = now()")


def delay(sql: Sql) -> int:
    """The delay after the last wrong password, seconds."""
    return sql("SELECT extract(epoch FROM retry_at - last_at)::int FROM failed_attempts")[0][0]


def let_minutes_pass(sql: Sql, minutes: int) -> None:
    sql(
        "UPDATE failed_attempts SET retry_at = retry_at - %s * interval '1 minute',"
        " last_at = last_at - %s * interval '1 minute'",
        minutes,
        minutes,
    )


def test_wrong_passwords_are_met_with_a_delay(http: httpx.Client, ada: Person, sql: Sql) -> None:
    hold_up(http, sql, ada.email)
    response = log_in(http, ada.email)
    assert_problem(response, 429, "too_many_attempts")
    assert 30 < int(response.headers["Retry-After"]) <= 60


def test_a_few_wrong_passwords_are_free_and_each_further_one_doubles_the_delay(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    delays = []
    for _ in range(13):
        fail(http, ada.email, 1)
        delays.append(delay(sql))
        let_delays_end(sql)
    assert delays == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_right_password_has_to_wait_as_well(http: httpx.Client, ada: Person, sql: Sql) -> None:
    hold_up(http, sql, ada.email)
    assert_problem(log_in(http, ada.email, PASSWORD), 429, "too_many_attempts")


def test_once_a_delay_runs_the_right_password_does_not_get_in_though_many_ask_at_once(
    http: httpx.Client, ada: Person, sql: Sql, database_url: str
) -> None:
    with closing(psycopg2.connect(database_url)) as holder, ThreadPoolExecutor(3) as crowd:
        # So long they are past the first look, which found no delay.
        holder.cursor().execute("SELECT FROM users FOR UPDATE")
        answers = [crowd.submit(log_in, http, ada.email, PASSWORD) for _ in range(3)]
        wait_until(lambda: sql(WAITING) == [(3,)], "log-ins that wait", 3)
        hold_up(http, sql, ada.email)
        holder.rollback()
    for answer in answers:
        assert_problem(answer.result(), 429, "too_many_attempts")


def test_whoever_waits_as_long_as_told_has_waited_long_enough(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    fail(http, ada.email, 1)
    sql("UPDATE failed_attempts SET retry_at = now() + interval '30.9 seconds'")
    told = int(log_in(http, ada.email).headers["Retry-After"])
    over_then = "SELECT retry_at <= now() + %s * interval '1 second' FROM failed_attempts"
    assert sql(over_then, told) == [(True,)]


def test_the_right_password_logs_in_after_the_delay(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    let_delays_end(sql)
    assert log_in(http, ada.email, PASSWORD).status_code == 200


def test_after_thousands_of_wrong_passwords_the_delay_is_a_minute(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    fail(http, ada.email, 1)
    # So many doublings are no number any more.
    sql("UPDATE failed_attempts SET count = 5000")
    fail(http, ada.email, 1)
    assert delay(sql) == 60


def test_an_attempt_during_the_delay_does_not_prolong_it(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    before = sql("SELECT retry_at FROM failed_attempts")
    assert log_in(http, ada.email).status_code == 429
    assert sql("SELECT retry_at FROM failed_attempts") == before


def test_the_right_password_starts_the_count_anew(http: httpx.Client, ada: Person) -> None:
    fail(http, ada.email, FREE - 1)
    assert log_in(http, ada.email, PASSWORD).status_code == 200
    fail(http, ada.email, FREE)


def test_a_quarter_of_an_hour_starts_the_count_anew(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    let_minutes_pass(sql, 16)
    fail(http, ada.email, FREE)


def test_a_few_minutes_do_not_start_the_count_anew(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    let_minutes_pass(sql, 14)
    fail(http, ada.email, 1)
    assert log_in(http, ada.email).status_code == 429


def test_an_unknown_address_is_delayed_as_a_known_one_is(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    hold_up(http, sql, "nobody@example.com")
    known, unknown = log_in(http, ada.email), log_in(http, "nobody@example.com")
    assert (known.status_code, unknown.status_code) == (429, 429)
    assert known.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}


@pytest.mark.parametrize("spelling", ["ADA@example.com", "Ada@Example.Com", "ada@EXAMPLE.COM"])
def test_every_spelling_of_an_address_counts_as_that_address(
    http: httpx.Client, ada: Person, sql: Sql, spelling: str
) -> None:
    hold_up(http, sql, spelling)
    assert log_in(http, ada.email).status_code == 429


def test_the_token_endpoint_and_the_log_in_count_together(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    fail(http, ada.email, 1)
    sql("UPDATE failed_attempts SET count = 100")
    assert ask_for_tokens(http, ada.email).status_code == 400
    assert log_in(http, ada.email).status_code == 429
    assert_problem(ask_for_tokens(http, ada.email), 429, "too_many_attempts")


def test_somebody_else_is_not_held_up(
    http: httpx.Client, ada: Person, sql: Sql, register: People
) -> None:
    grace = register()
    hold_up(http, sql, ada.email)
    assert grace.log_in().id == grace.id


@pytest.mark.parametrize("path", ["/auth/me", "/referral/codes", "/referral/referrals"])
def test_a_session_that_exists_goes_on_during_the_delay(
    http: httpx.Client, ada: Person, sql: Sql, path: str
) -> None:
    hold_up(http, sql, ada.email)
    assert ada.get(path).status_code == 200


def test_a_session_is_refreshed_during_the_delay(http: httpx.Client, ada: Person, sql: Sql) -> None:
    hold_up(http, sql, ada.email)
    headers = {"Authorization": f"Bearer {ada.refresh_token}"}
    assert http.post("/auth/refresh", headers=headers).status_code == 200


def test_the_password_is_changed_during_the_delay(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    hold_up(http, sql, ada.email)
    body = {"current_password": PASSWORD, "new_password": "another good password"}
    assert ada.post("/auth/change_password", body).status_code == 204


def test_the_delay_outlives_a_wiped_redis(
    http: httpx.Client, ada: Person, sql: Sql, redis_client: redis.Redis
) -> None:
    hold_up(http, sql, ada.email)
    redis_client.flushdb()
    assert log_in(http, ada.email).status_code == 429


def test_guesses_sent_at_once_gain_nothing_over_guesses_in_a_row(
    http: httpx.Client, ada: Person
) -> None:
    with ThreadPoolExecutor(30) as crowd:
        answers = crowd.map(lambda _: log_in(http, ada.email).status_code, range(30))
    # A few more than in a row, should the first delays end meanwhile.
    assert Counter(answers)[401] <= 2 * FREE


def test_guesses_that_waited_for_one_another_until_a_delay_was_over_are_counted(
    http: httpx.Client, ada: Person, sql: Sql, database_url: str
) -> None:
    fail(http, ada.email, FREE - 1)
    most = ENGINE_OPTIONS["pool_size"]
    with closing(psycopg2.connect(database_url)) as holder, ThreadPoolExecutor(most) as crowd:
        holder.cursor().execute("SELECT FROM failed_attempts FOR UPDATE")
        answers = [crowd.submit(log_in, http, ada.email) for _ in range(most)]
        wait_until(lambda: sql(WAITING) == [(most,)], "as many that wait as can")
        holder.cursor().execute("UPDATE failed_attempts SET retry_at = clock_timestamp()")
        holder.commit()
    assert Counter(answer.result().status_code for answer in answers)[401] <= 2


def test_the_address_that_was_tried_is_not_kept(http: httpx.Client, sql: Sql) -> None:
    fail(http, "nobody@example.com", 1)
    kept = sql("SELECT failed_attempts::text, encode(subject, 'escape') FROM failed_attempts")
    assert not any("nobody" in text for text in kept[0])


def test_attempts_long_past_are_cleared_away(http: httpx.Client, sql: Sql) -> None:
    fail(http, "nobody@example.com", 1)
    let_minutes_pass(sql, 16)
    fail(http, "another@example.com", 1)
    assert sql("SELECT count(*) FROM failed_attempts") == [(1,)]


def test_no_guess_has_to_clear_away_all_that_is_long_past(http: httpx.Client, sql: Sql) -> None:
    sql(LONG_PAST, 1000)
    fail(http, "nobody@example.com", 1)
    assert 900 < sql("SELECT count(*) FROM failed_attempts")[0][0] < 1000


def test_nobody_waits_for_what_is_cleared_away_meanwhile(
    http: httpx.Client, sql: Sql, database_url: str
) -> None:
    fail(http, "nobody@example.com", 1)
    let_minutes_pass(sql, 16)
    with closing(psycopg2.connect(database_url)) as holder:
        holder.cursor().execute("SELECT FROM failed_attempts FOR UPDATE")
        fail(http, "another@example.com", 1)
    assert sql("SELECT count(*) FROM failed_attempts") == [(2,)]
