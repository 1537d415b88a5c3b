"""That each mail goes out under one Message-ID, whatever is killed meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from uuid import uuid4

import httpx
import pytest

from app.queue import SEND_MAILS, SWEEP_SECONDS
from dev.waiting import wait_until
from tests.deployed.mailing import (
    Call,
    Sql,
    mails_to,
    message_ids,
    named_in,
    tokens_in,
    wait_until_nothing_is_owed,
    wait_until_some_are_sent,
)
from tests.deployed.own_redis import OwnRedis
from tests.deployed.rush import sign_up
from tests.deployed.service import Service
from tests.deployed.together import at_once, outcomes
from tests.deployed.waiting import waiting_for
from tests.deployed.worker import Part, beat
from tests.inbox import text_of
from tests.mail_server import Ending, MailServer
from tests.people import People
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("mails")

ROUNDS = 3
AT_ONCE = 20
OUTBOX = "LOCK TABLE outbox"


def test_a_mail_goes_out_at_once_without_beat(
    celery: Part, mail_server: MailServer, register: People
) -> None:
    person = register()
    started = monotonic()
    wait_until(lambda: bool(mails_to(person.email, mail_server)), "mail")
    taken = monotonic() - started
    assert_when_quiet(taken < 5, taken)


def test_beat_has_sent_what_nobody_was_woken_for(
    celery: Part,
    mail_server: MailServer,
    register: People,
    own_redis: OwnRedis,
    service: Service,
    tmp_path: Path,
) -> None:
    celery.kill()
    person = register()
    own_redis.empty()
    celery.start()
    with beat(service, tmp_path) as sweeper:
        has_come = partial(mails_to, person.email, mail_server)
        started = monotonic()
        wait_until(lambda: bool(has_come()), "mail")
        taken = monotonic() - started
        assert_when_quiet(taken < 3 * SWEEP_SECONDS, taken)
        assert person.email not in sweeper.logged()


def test_whoever_is_killed_each_mail_goes_out_under_one_message_id(
    celery: Part,
    mail_server: MailServer,
    register: People,
    http: httpx.Client,
    own_redis: OwnRedis,
    call_sender: Call,
    sql: Sql,
) -> None:
    referrer = register()
    code = referrer.publish()["code"]
    mail_server.refuse("DATA", "451 later", every=2)
    let_in: list[str] = []
    for _ in range(ROUNDS):
        let_in += sign_up_while_the_broker_is_killed(http, code, own_redis)
        wait_until_some_are_sent(mail_server, call_sender)
        celery.kill()
        own_redis.empty()
        celery.start()
    wait_until_nothing_is_owed(sql, call_sender)
    verified = message_ids(mail_server.mails, lambda mail: mail.recipients[0])
    told = message_ids(mails_to(referrer.email, mail_server), partial(named_in, let_in))
    for ids in (verified, told):
        assert {email: len(ids[email]) for email in let_in} == dict.fromkeys(let_in, 1)


def test_a_registration_that_is_refused_mails_nobody(
    celery: Part,
    mail_server: MailServer,
    register: People,
    http: httpx.Client,
    sql: Sql,
    call_sender: Call,
) -> None:
    register()
    refused = sign_up(http, "nobody@example.com", referral_code="NO-SUCH-CODE")
    assert outcomes([refused]) == {"422 referral_code_invalid": 1}
    wait_until_nothing_is_owed(sql, call_sender)
    assert not mails_to("nobody@example.com", mail_server)


def test_a_second_copy_has_the_message_id_of_the_first(
    celery: Part, mail_server: MailServer, register: People, sql: Sql, call_sender: Call
) -> None:
    mail_server.ending = Ending.TAKES_AND_DROPS_THE_LINE_UNANSWERED
    person = register()
    wait_until(lambda: bool(mails_to(person.email, mail_server)), "first copy")
    mail_server.recover()
    wait_until_nothing_is_owed(sql, call_sender)
    copies = [mail.message_id for mail in mails_to(person.email, mail_server)]
    assert len(copies) > 1
    assert len(set(copies)) == 1


def test_a_mail_that_was_taken_is_sent_once_though_the_line_drops_after_it(
    celery: Part, mail_server: MailServer, register: People, sql: Sql, call_sender: Call
) -> None:
    mail_server.ending = Ending.TAKES_AND_DROPS_THE_LINE
    person = register()
    wait_until_nothing_is_owed(sql, call_sender)
    assert len(mails_to(person.email, mail_server)) == 1


def test_a_frozen_broker_slows_a_registration_by_less_than_a_second(
    http: httpx.Client, own_redis: OwnRedis
) -> None:
    with own_redis.frozen():
        seconds = seconds_to_sign_up(http)
    assert_when_quiet(seconds < 1, seconds)


def test_a_dead_broker_does_not_slow_a_registration(
    http: httpx.Client, own_redis: OwnRedis
) -> None:
    with own_redis.killed():
        seconds = seconds_to_sign_up(http)
    assert_when_quiet(seconds < 0.5, seconds)


def test_a_worker_finds_back_to_a_broker_that_was_lost_while_it_worked(
    celery: Part,
    mail_server: MailServer,
    own_redis: OwnRedis,
    http: httpx.Client,
    database_url: str,
    call_sender: Call,
    sql: Sql,
) -> None:
    with waiting_for(OUTBOX, database_url, call_sender), own_redis.killed():
        pass
    register = People(http)
    register()
    wait_until_nothing_is_owed(sql, call_sender)
    assert celery.runs()


def test_nothing_personal_is_logged_or_left_in_redis(
    celery: Part,
    mail_server: MailServer,
    register: People,
    http: httpx.Client,
    service: Service,
    own_redis: OwnRedis,
    sql: Sql,
    call_sender: Call,
) -> None:
    celery.kill()
    code = register().publish()["code"]
    person = register(referral_code=code)
    person.publish()
    http.get("/referral/code/by-email", params={"email": person.email})
    http.post("/auth/reset_password", json={"email": person.email})
    in_redis = own_redis.contents()
    assert SEND_MAILS in in_redis
    mail_server.refuse("RCPT", f"550 {person.email} is unknown", every=2)
    celery.start()
    wait_until_nothing_is_owed(sql, call_sender)
    in_redis += own_redis.contents()

    mails = mails_to(person.email, mail_server)
    tokens = [token for mail in mails for token in tokens_in(text_of(mail.message))]
    assert len(tokens) == 2
    secrets = [person.email, person.password, person.access_token, person.refresh_token, *tokens]
    for written in (in_redis, celery.logged(), service.logged()):
        assert [secret for secret in secrets if secret in written] == []


def sign_up_while_the_broker_is_killed(
    http: httpx.Client, code: str, own_redis: OwnRedis
) -> list[str]:
    """The addresses of twenty who are let in meanwhile."""
    emails = [f"person-{uuid4().hex}@example.com" for _ in range(AT_ONCE)]
    rush = [partial(sign_up, http, email, referral_code=code) for email in emails]
    with ThreadPoolExecutor(1) as thread:
        signing_up = thread.submit(at_once, rush)
        with own_redis.killed():
            pass
    assert outcomes(signing_up.result()) == {"201": AT_ONCE}
    return emails


def seconds_to_sign_up(http: httpx.Client) -> float:
    response = sign_up(http, f"person-{uuid4().hex}@example.com")
    assert response.status_code == 201
    return response.elapsed.total_seconds()
