"""Whoever sends what is owed: several at once, and ones that are stopped."""

import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from flask import Flask
from sqlalchemy import text

from app.clients.smtp import Smtp
from app.emails import Kind
from app.extensions import db
from app.queue import CONFIGURATION
from app.services import mails, outbox
from dev.ports import free_port
from tests.api.owed import attempts, seconds_until_due
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mail_server import Ending, MailServer
from tests.people import People, Person

MAY_BE_IDLE = """
SELECT extract(epoch FROM current_setting('idle_in_transaction_session_timeout')::interval)
"""


def test_several_senders_send_each_mail_once(inbox: Inbox, register: People, sql: Sql) -> None:
    people = [register().email for _ in range(20)]
    with ThreadPoolExecutor(4) as senders:
        for done in [senders.submit(inbox.deliver) for _ in range(4)]:
            done.result()
    assert sorted(str(mail["To"]) for mail in inbox.all()) == sorted(people)
    assert sql("SELECT * FROM outbox") == []


def test_what_one_sender_is_about_to_send_no_other_does(
    inbox: Inbox, ada: Person, sql: Sql, stuck: MailServer
) -> None:
    with ThreadPoolExecutor(1) as background, inbox.sending_to(stuck.port):
        sender = background.submit(inbox.deliver)
        assert stuck.was_reached.wait(5)
        inbox.deliver()
        assert attempts(sql) == [0]
        sender.result()
    assert attempts(sql) == [1]


def test_what_one_sender_is_about_to_send_does_not_stop_the_others(
    inbox: Inbox, ada: Person, register: People, database_url: str
) -> None:
    holder = psycopg2.connect(database_url)
    try:
        holder.cursor().execute("SELECT id FROM outbox FOR UPDATE")
        grace = register()
        assert (len(inbox.mails(grace.email)), len(inbox.mails(ada.email))) == (1, 0)
    finally:
        # Before it is closed, which nobody waits for.
        holder.rollback()
        holder.close()
    assert len(inbox.mails(ada.email)) == 1


def test_what_another_sender_has_counted_since_is_not_forgotten(
    app: Flask, inbox: Inbox, ada: Person, sql: Sql
) -> None:
    with app.app_context(), inbox.sending_to(free_port()):
        known_from_before = outbox.list_all()
        sql("UPDATE outbox SET attempts = 5")
        mails.send_due()
        assert len(known_from_before) == 1
    assert attempts(sql) == [6]


def test_nobody_else_may_have_what_a_sender_is_about_to_send_as_long_as_it_may_run(
    app: Flask, ada: Person
) -> None:
    seen: list[float] = []
    with app.app_context():
        outbox.deliver_due(
            list(Kind),
            lambda _: seen.append(db.session.scalar(text(MAY_BE_IDLE))),
            lambda _kind, _outcome: None,
        )
    assert seen > [CONFIGURATION["task_time_limit"]]


def test_a_sender_whose_time_is_over_takes_up_nothing_new(
    inbox: Inbox,
    register: People,
    sql: Sql,
    stuck: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(), register()
    monkeypatch.setattr(outbox, "BUDGET_SECONDS", 1)
    with inbox.sending_to(stuck.port):
        inbox.deliver()
    assert attempts(sql) == [1, 0]


def test_a_sender_that_loses_its_connection_leaves_what_it_was_about_to_send(
    inbox: Inbox, ada: Person, sql: Sql, stuck: MailServer
) -> None:
    with ThreadPoolExecutor(1) as background, inbox.sending_to(stuck.port):
        sender = background.submit(inbox.deliver)
        assert stuck.was_reached.wait(5)
        sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND datname = current_database()"
        )
        assert sender.exception(10) is not None
    assert len(inbox.mails(ada.email)) == 1


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_a_sender_that_is_stopped_leaves_what_it_was_about_to_send(
    inbox: Inbox,
    ada: Person,
    sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
    end: type[BaseException],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(smtplib.SMTP, "connect", raises(end()))
        with pytest.raises(end):
            inbox.fail_to_deliver()
    assert attempts(sql) == [0]
    assert len(inbox.mails(ada.email)) == 1


def test_a_time_limit_counts_as_a_failure(
    inbox: Inbox, ada: Person, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtplib.SMTP, "connect", raises(SoftTimeLimitExceeded()))
    inbox.fail_to_deliver()
    assert sql("SELECT attempts, last_failure FROM outbox") == [(1, "SoftTimeLimitExceeded")]


def test_a_wait_begins_when_an_attempt_has_failed(
    inbox: Inbox, ada: Person, sql: Sql, stuck: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", min)
    with inbox.sending_to(stuck.port):
        inbox.deliver()
    # Of five seconds, of which the attempt has taken none.
    assert seconds_until_due(sql) > 4


def raises(error: BaseException) -> Callable[..., Any]:
    def raise_it(*_: Any, **__: Any) -> None:
        raise error

    return raise_it


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that keeps whoever sends waiting, for two seconds here."""
    monkeypatch.setattr(Smtp, "timeout", 2.0)
    with MailServer() as server:
        server.ending = Ending.HANGS
        yield server
