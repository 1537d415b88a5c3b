"""What an operator sees of the mails: how many are owed, since when, and what became of them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app import create_app
from app.settings import load_settings
from dev.ports import free_port
from tests.api.test_metrics import all_samples
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import NEW_PASSWORD, ask_for_reset, verify
from tests.people import PASSWORD, People, Person

MAILS = "referral_mails_total"
LAST = "UPDATE outbox SET attempts = 47"

Outcomes = Callable[[], dict[tuple[str, str], int]]


@pytest.fixture
def ada(register: People, inbox: Inbox) -> Person:
    """Somebody to whom no mail is owed."""
    ada = register(email="ada@example.com")
    inbox.deliver()
    return ada


def counters(http: httpx.Client) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (each.labels["kind"], each.labels["outcome"]): int(each.value)
            for each in all_samples(http)
            if each.name == MAILS
        }
    )


def delays(http: httpx.Client) -> tuple[float, float]:
    """How many codes were mailed, and after how many seconds in all."""
    values = {
        each.name: each.value
        for each in all_samples(http)
        if each.labels.get("kind") == "referral_code"
    }
    name = "referral_delivery_seconds"
    return values.get(f"{name}_count", 0), values.get(f"{name}_sum", 0)


@pytest.fixture
def outcomes(http: httpx.Client, inbox: Inbox, ada: Person) -> Outcomes:
    """Tells what became of mails since the test began, by their kind."""
    before = counters(http)
    return lambda: dict(counters(http) - before)


def gauges(http: httpx.Client) -> dict[str, float]:
    return {
        each.name.removeprefix("referral_outbox_"): each.value
        for each in all_samples(http)
        if each.name.startswith("referral_outbox_")
    }


def test_where_nothing_is_owed_everything_is_nought(http: httpx.Client) -> None:
    assert gauges(http) == {"depth": 0, "oldest_seconds": 0, "dead": 0}


def test_what_is_owed_is_counted_and_how_long_the_oldest_has_been(
    http: httpx.Client, register: People, sql: Sql
) -> None:
    register(), register(), register()
    sql("UPDATE outbox SET created_at = now() - id * interval '100 seconds'")
    seen = gauges(http)
    assert (seen["depth"], seen["dead"]) == (3, 0)
    assert 300 <= seen["oldest_seconds"] < 360


def test_what_failed_is_owed_still(http: httpx.Client, register: People, inbox: Inbox) -> None:
    register()
    inbox.fail_to_deliver()
    assert gauges(http)["depth"] == 1


def test_what_is_dead_is_counted_as_dead_alone(
    http: httpx.Client, register: People, inbox: Inbox, sql: Sql
) -> None:
    register()
    sql(LAST + ", created_at = now() - interval '10 hours'")
    inbox.fail_to_deliver()
    assert gauges(http) == {"depth": 0, "oldest_seconds": 0, "dead": 1}


def test_the_gauges_are_in_the_exposition_by_the_names_they_are_known_for(
    http: httpx.Client, register: People, inbox: Inbox, sql: Sql
) -> None:
    register()
    sql(LAST)
    inbox.fail_to_deliver()
    register()
    lines = http.get("/metrics").text.splitlines()
    assert "referral_outbox_dead 1.0" in lines
    assert "referral_outbox_depth 1.0" in lines
    assert "# TYPE referral_outbox_oldest_seconds gauge" in lines


def test_without_postgresql_the_other_metrics_are_there_still(settings_file: Path) -> None:
    nowhere = f"postgresql://127.0.0.1:{free_port()}/referral"
    environment = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_SQLALCHEMY_DATABASE_URI": nowhere,
    }
    response = create_app(load_settings(environment)).test_client().get("/metrics")
    assert response.status_code == 200
    assert "http_requests_total" in response.text
    assert "referral_outbox" not in response.text
    assert "referral_postgresql_up 0.0" in response.text.splitlines()


def test_a_mail_that_was_sent_is_counted_by_its_kind(
    http: httpx.Client, ada: Person, inbox: Inbox, outcomes: Outcomes, register: People
) -> None:
    register(referral_code=ada.publish()["code"])
    ada.post("/referral/code/email")
    ask_for_reset(http, ada.email)
    inbox.deliver()
    change_password(ada)
    inbox.deliver()
    kinds = ("verify_email", "joined", "referral_code", "reset_password", "password_changed")
    assert outcomes() == {(kind, "sent"): 1 for kind in kinds}


def test_how_long_a_mail_was_owed_is_counted_when_it_is_sent(
    http: httpx.Client, ada: Person, inbox: Inbox, sql: Sql
) -> None:
    before = delays(http)
    ada.publish()
    ada.post("/referral/code/email")
    inbox.fail_to_deliver()
    assert delays(http) == before
    sql("UPDATE outbox SET created_at = now() - interval '10 minutes', due_at = now()")
    inbox.deliver()
    count, seconds = (after - was for after, was in zip(delays(http), before, strict=True))
    assert count == 1
    assert 600 <= seconds < 660


def test_failures_and_the_end_of_them_are_counted(
    http: httpx.Client, ada: Person, inbox: Inbox, sql: Sql, outcomes: Outcomes
) -> None:
    ask_for_reset(http, ada.email)
    inbox.fail_to_deliver()
    assert outcomes() == {("reset_password", "failed"): 1}
    sql(LAST + ", due_at = now()")
    inbox.fail_to_deliver()
    assert outcomes() == {("reset_password", "failed"): 1, ("reset_password", "dead"): 1}


def test_a_link_that_had_run_out_is_counted_as_such(
    http: httpx.Client, ada: Person, inbox: Inbox, sql: Sql, outcomes: Outcomes
) -> None:
    # The password is older than the link, as it is with time that has really passed.
    sql("UPDATE users SET password_changed_at = now() - interval '1 week'")
    ask_for_reset(http, ada.email)
    ada.post("/auth/verify_email/resend")
    sql("UPDATE outbox SET created_at = now() - interval '25 hours'")
    inbox.deliver()
    assert outcomes() == {("reset_password", "expired"): 1, ("verify_email", "expired"): 1}


def test_what_had_no_reason_any_more_is_counted_by_why(
    http: httpx.Client, ada: Person, inbox: Inbox, outcomes: Outcomes
) -> None:
    (token,) = inbox.tokens(ada.email, "verify-email")
    ask_for_reset(http, "nobody@example.com")
    ask_for_reset(http, ada.email)
    ada.post("/auth/verify_email/resend")
    ada.publish()
    ada.post("/referral/code/email")
    change_password(ada)
    verify(http, token)
    ada.delete("/referral/code")
    inbox.deliver()
    assert outcomes() == {
        ("reset_password", "no_account"): 1,
        ("reset_password", "password_changed"): 1,
        ("verify_email", "verified"): 1,
        ("referral_code", "no_code"): 1,
        ("password_changed", "sent"): 1,
    }


def test_labels_hold_no_address(http: httpx.Client, ada: Person, inbox: Inbox) -> None:
    ask_for_reset(http, "nobody@example.com")
    inbox.fail_to_deliver()
    assert "@" not in http.get("/metrics").text


def change_password(person: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert person.post("/auth/change_password", body).status_code == 204
