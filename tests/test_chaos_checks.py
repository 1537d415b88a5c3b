"""What `make chaos` holds against each other: every kind of lie is found."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.chaos import check
from tests.chaos.journal import Entry, Fate, Journal
from tests.chaos.mails import JOINED, VERIFY, Sent
from tests.chaos.story import Allowed, Story, stories
from tests.mail_server import Mail

Sql = Callable[..., list[tuple[Any, ...]]]

ADA = "r1-ada@example.com"
BOB = "r1-bob@example.com"
CODE = "R1-ADA-1"
LOST = 0
KEY = "a key of 32 bytes that nobody has"

REFER = """
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
SELECT %s, %s, id, 'registration' FROM codes WHERE code = %s
"""

numbers = count(1)


def test_an_answer_is_on_disk_and_so_is_a_request_that_was_not_answered(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")

    def interrupted() -> httpx.Response:
        raise KeyboardInterrupt

    journal.ask("register", ADA, lambda: httpx.Response(201, json={"user": {"id": 1}}), code=None)
    with pytest.raises(KeyboardInterrupt):
        journal.ask("register", BOB, interrupted, code=None)
    journal.close()
    first, second = journal.read()
    assert (first.fate, first.body) == (Fate.ACKNOWLEDGED, {"user": {"id": 1}})
    assert (second.who, second.fate) == (BOB, Fate.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "there", "is_found"),
    [
        (201, True, False),
        (201, False, True),
        (422, True, True),
        (422, False, False),
        (503, True, False),
        (503, False, False),
        (LOST, True, False),
        (LOST, False, False),
    ],
)
def test_an_account_must_be_as_its_registration_was_answered(
    sql: Sql, status: int, there: bool, is_found: bool
) -> None:
    if there:
        put_person(sql, ADA)
    told = stories([registration(ADA, status)], Allowed())
    found = list(check.Rows(sql, "r1").faults(told))
    assert any("accounts" in each for each in found) == is_found


def test_a_registration_that_is_repeated_must_have_been_made(sql: Sql) -> None:
    told = stories([registration(ADA, 503), registration(ADA, 409, code="email_taken")], Allowed())
    assert faults_of(told) == []
    assert list(check.Rows(sql, "r1").faults(told)) != []


def test_an_account_that_nobody_asked_for_is_found(sql: Sql) -> None:
    put_person(sql, ADA)
    assert list(check.Rows(sql, "r1").faults([])) == [f"{ADA} is nobody who registered"]


def test_a_refusal_without_reason_is_found() -> None:
    told = stories([registration(ADA, 409, code="email_taken")], Allowed())
    assert len(faults_of(told)) == 1


def test_an_attribution_that_is_missing_or_another_is_found(sql: Sql) -> None:
    ada, bob = put_person(sql, ADA), put_person(sql, BOB)
    put_code(sql, ada, CODE)
    put_code(sql, ada, "R1-ADA-2", active=False)
    told = stories([registration(BOB, 201, id_=bob, with_code=CODE)], Allowed())
    assert any("came by None" in each for each in check.Rows(sql, "r1").faults(told))
    sql(REFER, bob, ada, "R1-ADA-2")
    assert any("came by R1-ADA-2" in each for each in check.Rows(sql, "r1").faults(told))


@pytest.mark.parametrize(("status", "is_found"), [(201, True), (503, False), (LOST, False)])
def test_the_active_code_must_be_the_last_that_was_acknowledged(
    sql: Sql, status: int, is_found: bool
) -> None:
    ada = put_person(sql, ADA)
    first = put_code(sql, ada, CODE)
    entries = [
        registration(ADA, 201, id_=ada),
        entry("publish", ADA, 201, {"id": first}, code=CODE),
        entry("publish", ADA, status, {"id": 2}, code="R1-ADA-2"),
    ]
    told = stories(entries, Allowed())
    assert any("activated" in each for each in check.Rows(sql, "r1").faults(told)) == is_found


def test_of_codes_published_at_one_moment_any_may_be_the_active_one(sql: Sql) -> None:
    ada = put_person(sql, ADA)
    ids = [put_code(sql, ada, f"R1-ADA-{each}", active=each == 1) for each in (1, 2)]
    publications = [
        entry("publish", ADA, 201, {"id": id_}, race=1, code=f"R1-ADA-{each}")
        for each, id_ in enumerate(ids, start=1)
    ]
    told = stories([registration(ADA, 201, id_=ada), *publications], Allowed())
    assert not any("activated" in each for each in check.Rows(sql, "r1").faults(told))


def test_a_session_that_was_ended_and_lives_is_found(sql: Sql) -> None:
    ada = put_person(sql, ADA)
    session = uuid4()
    sql("INSERT INTO sessions VALUES (%s, %s, now(), now())", str(session), ada)
    entries = [registration(ADA, 201, id_=ada, session=str(session)), entry("log out", ADA, 204)]
    told = stories(entries, Allowed())
    assert any(str(session) in each for each in check.Rows(sql, "r1").faults(told))


def test_a_refresh_token_that_works_twice_is_found() -> None:
    refreshed = [entry("refresh", ADA, 200, tokens(str(uuid4())), token="once") for _ in range(2)]
    assert len(faults_of(stories([registration(ADA, 201), *refreshed], Allowed()))) == 1


def test_an_outage_is_for_as_long_as_a_fault_lasts() -> None:
    answers = [registration(ADA, 503), registration(BOB, 500)]
    assert len(list(check.answers(answers, 0, 1))) == 1
    assert len(list(check.answers(answers, 2, 3))) == 2


@pytest.mark.parametrize(("seconds", "is_found"), [(11, False), (13, True)])
def test_an_answer_comes_within_twelve_seconds(seconds: float, is_found: bool) -> None:
    slow = replace(registration(ADA, 201), answered=0.5 + seconds)
    assert any("took" in each for each in check.answers([slow], 0, 20)) == is_found


def test_an_account_and_a_code_keep_the_ids_that_were_told(sql: Sql) -> None:
    ada = put_person(sql, ADA)
    code = put_code(sql, ada, CODE)
    entries = [
        registration(ADA, 201, id_=ada + 1),
        entry("publish", ADA, 201, {"id": code + 1}, code=CODE),
    ]
    found = list(check.Rows(sql, "r1").faults(stories(entries, Allowed())))
    assert f"{ADA} was told the id {ada + 1}, and has {ada}" in found
    assert f"{CODE} was told the id {code + 1}, and has {code}" in found


def test_an_answer_is_lost_only_where_a_fault_may_lose_it() -> None:
    unanswered = [registration(ADA, LOST)]
    assert list(check.losses(unanswered, 0, 1)) == []
    assert len(list(check.losses(unanswered, 2, 3))) == 1


def test_mails_must_be_those_that_are_due(sql: Sql) -> None:
    ada, bob = put_person(sql, ADA), put_person(sql, BOB)
    put_code(sql, ada, CODE)
    sql(REFER, bob, ada, CODE)
    rows = check.Rows(sql, "r1")
    due = [mail(ADA, VERIFY), mail(BOB, VERIFY), mail(ADA, JOINED, BOB)]
    assert list(Sent(due, "r1").faults(rows, [])) == []
    for missing in due:
        assert (
            len(list(Sent([each for each in due if each != missing], "r1").faults(rows, []))) == 1
        )
    assert len(list(Sent([*due, mail(ADA, JOINED, BOB)], "r1").faults(rows, []))) == 1
    assert Sent([*due, due[0]], "r1").doubles == {due[0].message_id}


def entry(
    operation: str, who: str, status: int, body: Any = None, race: int = 0, **terms: Any
) -> Entry:
    """Something that was asked between the first second and the second one."""
    lost = "" if status else "ReadError"
    return Entry(next(numbers), operation, who, terms, race, 0.5, 1.5, status, body, lost)


def registration(
    who: str,
    status: int,
    code: str = "unavailable",
    id_: int = 0,
    session: str = "",
    with_code: str | None = None,
) -> Entry:
    body = {"code": code}
    if status == 201:
        body = {"user": {"id": id_}} | tokens(session or str(uuid4()))
    return entry("register", who, status, body, code=with_code)


def tokens(session: str) -> dict[str, Any]:
    return {"access_token": jwt.encode({"sid": session}, KEY), "refresh_token": "once"}


def faults_of(told: list[Story]) -> list[str]:
    return [fault for story in told for fault in story.faults]


def put_person(sql: Sql, email: str) -> int:
    statement = "INSERT INTO users (email, password_hash) VALUES (%s, 'x') RETURNING id"
    return int(sql(statement, email)[0][0])


def put_code(sql: Sql, owner: int, wording: str, active: bool = True) -> int:
    statement = """
        INSERT INTO codes (user_id, code, is_activated, expires_at)
        VALUES (%s, %s, %s, now()) RETURNING id
    """
    return int(sql(statement, owner, wording, active)[0][0])


def mail(recipient: str, subject: str, named: str = "") -> Mail:
    head = f"Message-ID: <{uuid4()}@example.com>\r\nSubject: {subject}\r\n"
    return Mail("", [recipient], [], f"{head}\r\nHello {named}\r\n".encode(), False)
