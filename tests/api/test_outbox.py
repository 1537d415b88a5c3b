"""What the service owes is kept until it is done, whatever fails meanwhile."""

import logging
from collections.abc import Callable
from itertools import pairwise

import httpx
import pytest

from app.logs import formatter
from tests.api.owed import attempts, seconds_until_due
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mail_server import Ending, MailServer
from tests.mailed_links import ask_for_reset
from tests.people import People, Person

TWO_HOURS, A_DAY = 7_200, 86_400
ATTEMPTS = 48

Logged = Callable[[], list[logging.LogRecord]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """Gives what the service has logged since the test began."""
    return lambda: [each for each in caplog.records if each.name.startswith("app")]


def let_it_be_due(sql: Sql) -> None:
    sql("UPDATE outbox SET due_at = now()")


def give_up(inbox: Inbox, sql: Sql) -> None:
    """Let the last attempt fail."""
    sql("UPDATE outbox SET attempts = %s", ATTEMPTS - 1)
    inbox.fail_to_deliver()


def test_what_was_sent_is_owed_no_more(inbox: Inbox, ada: Person, sql: Sql) -> None:
    assert len(inbox.mails(ada.email)) == 1
    assert sql("SELECT * FROM outbox") == []


def test_what_could_not_be_sent_is_sent_later(inbox: Inbox, ada: Person, sql: Sql) -> None:
    inbox.fail_to_deliver()
    assert inbox.mails(ada.email) == []
    let_it_be_due(sql)
    assert len(inbox.mails(ada.email)) == 1


def test_the_first_failure_is_tried_again_within_thirty_seconds_but_not_at_once(
    inbox: Inbox, ada: Person, sql: Sql
) -> None:
    inbox.fail_to_deliver()
    assert attempts(sql) == [1]
    assert 3 < seconds_until_due(sql) <= 30
    inbox.fail_to_deliver()
    assert attempts(sql) == [1]


@pytest.mark.parametrize("chance", [0, 1], ids=["the shortest waits", "the longest waits"])
def test_the_waits_grow_and_last_for_a_day_at_least(
    inbox: Inbox, ada: Person, sql: Sql, monkeypatch: pytest.MonkeyPatch, chance: int
) -> None:
    monkeypatch.setattr("random.uniform", lambda *bounds: bounds[chance])
    waits = []
    for _ in range(ATTEMPTS - 1):
        let_it_be_due(sql)
        inbox.fail_to_deliver()
        waits.append(round(seconds_until_due(sql)))
    assert sql("SELECT * FROM outbox WHERE dead_at IS NOT NULL") == []
    # Each was read a moment after it had begun, and the longest are alike.
    assert all(later > 0.99 * one for one, later in pairwise(waits))
    assert 4 <= waits[0] <= 10
    assert all(later < 1.4 * one for one, later in pairwise(waits[5:]))
    assert waits[-1] <= TWO_HOURS
    assert sum(waits) >= A_DAY


def test_what_failed_together_is_not_tried_together(inbox: Inbox, ada: Person, sql: Sql) -> None:
    sql(
        "INSERT INTO outbox (kind, payload) SELECT kind, payload FROM outbox, generate_series(1, 9)"
    )
    inbox.fail_to_deliver()
    spread = "SELECT extract(epoch FROM max(due_at) - min(due_at)) > 1 FROM outbox"
    assert sql(spread) == [(True,)]


def test_after_the_last_attempt_it_is_dead_and_nobody_tries_it(
    inbox: Inbox, ada: Person, sql: Sql
) -> None:
    give_up(inbox, sql)
    let_it_be_due(sql)
    assert inbox.mails(ada.email) == []
    assert sql("SELECT attempts, dead_at <= now() FROM outbox") == [(ATTEMPTS, True)]


def test_the_log_says_what_failed_and_what_is_given_up(
    inbox: Inbox, ada: Person, sql: Sql, logged: Logged
) -> None:
    give_up(inbox, sql)
    assert [(each.levelname, each.getMessage()) for each in logged()] == [
        ("WARNING", "Delivery 1 (verify_email) failed: unreachable"),
        ("ERROR", "Delivery 1 (verify_email) is given up: `flask outbox retry`"),
    ]


def test_a_second_copy_is_the_same_to_the_last_byte(inbox: Inbox, ada: Person, sql: Sql) -> None:
    with MailServer() as server, inbox.sending_to(server.port):
        server.ending = Ending.TAKES_AND_DROPS_THE_LINE_UNANSWERED
        inbox.deliver()
        server.recover()
        let_it_be_due(sql)
        inbox.deliver()
    first, second = server.mails
    assert first.message_id == second.message_id
    assert first.content == second.content
    assert sql("SELECT * FROM outbox") == []


def test_a_mail_that_was_taken_is_not_sent_again_though_the_line_dropped(
    inbox: Inbox, ada: Person, sql: Sql
) -> None:
    with MailServer() as server, inbox.sending_to(server.port):
        server.ending = Ending.TAKES_AND_DROPS_THE_LINE
        inbox.deliver()
    assert len(server.mails) == 1
    assert sql("SELECT * FROM outbox") == []


def test_every_mail_has_a_message_id_of_its_own(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    for _ in range(3):
        ask_for_reset(http, ada.email)
    identities = [mail["Message-ID"] for mail in inbox.mails(ada.email)]
    assert len(set(identities)) == 4


# The last is an error of PostgreSQL's.
@pytest.mark.parametrize(
    "payload",
    ["{}", "[]", '{"message_id": "<x@example.com>"}', '{"user_id": "ada@example.com"}'],
)
def test_what_is_broken_about_one_does_not_stop_the_others(
    inbox: Inbox, register: People, sql: Sql, logged: Logged, payload: str
) -> None:
    broken, *others = [register() for _ in range(3)]
    sql("UPDATE outbox SET payload = %s WHERE id = 1", payload)
    assert inbox.mails(broken.email) == []
    assert [len(inbox.mails(other.email)) for other in others] == [1, 1]
    assert attempts(sql) == [1]
    (error,) = [each for each in logged() if each.levelname == "ERROR"]
    line = formatter(development=False).format(error)
    assert "Delivery 1 (verify_email) crashed" in line
    assert "@example.com" not in line


def test_what_is_of_another_kind_is_left_alone(inbox: Inbox, ada: Person, sql: Sql) -> None:
    sql("INSERT INTO outbox (kind, payload) VALUES ('enrichment', '{}'), ('unheard of', '{}')")
    inbox.deliver()
    rows = sql("SELECT kind, attempts, due_at <= now() FROM outbox ORDER BY id")
    assert rows == [("enrichment", 0, True), ("unheard of", 0, True)]


def test_what_is_due_longest_is_sent_first(inbox: Inbox, register: People, sql: Sql) -> None:
    people = [register() for _ in range(3)]
    sql("UPDATE outbox SET due_at = now() - (id %% 3) * interval '1 hour'")
    # A table known to be small is read without the index, which has an order of its own.
    sql("ANALYZE outbox")
    with MailServer() as server, inbox.sending_to(server.port):
        inbox.deliver()
    assert [mail.recipients for mail in server.mails] == [[people[n].email] for n in (1, 0, 2)]
