"""That each mail goes out under one Message-ID, whatever is killed meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from celery import Celery

from app.queue import SEND_MAILS, SWEEP_SECONDS
from dev.ports import free_port
from dev.settings import write_settings
from dev.waiting import wait_until
from tests.conftest import GENEROUS
from tests.deployed.mailing import (
    Call,
    Sql,
    mails_to,
    message_ids,
    named_in,
    register_until_counted,
    sent,
    tokens_in,
    wait_until_nothing_is_owed,
    wait_until_some_are_sent,
)
from tests.deployed.own_redis import OwnRedis
from tests.deployed.rush import sign_up
from tests.deployed.service import Service
from tests.deployed.together import at_once, outcomes
from tests.deployed.waiting import waiting_for
from tests.deployed.worker import Part, beat, flower, seen_by_flower, worker
from tests.inbox import text_of
from tests.mail_server import Ending, MailServer
from tests.people import People

pytestmark = pytest.mark.xdist_group("mails")

ROUNDS = 3
AT_ONCE = 20
OUTBOX = "LOCK TABLE outbox"


def test_a_mail_goes_out_at_once_without_beat(
    celery: Part, mail_server: MailServer, register: People
) -> None:
    person = register()
    wait_until(lambda: bool(mails_to(person.email, mail_server)), "mail", seconds=5)


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
        wait_until(lambda: bool(has_come()), "mail", SWEEP_SECONDS + 5)
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
        assert seconds_to_sign_up(http) < 1


def test_a_dead_broker_does_not_slow_a_registration(
    http: httpx.Client, own_redis: OwnRedis
) -> None:
    with own_redis.killed():
        assert seconds_to_sign_up(http) < 0.5


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


def test_metrics_count_the_mails_of_the_workers(
    celery: Part, service: Service, count_one_more: Callable[[], float], http: httpx.Client
) -> None:
    counted = count_one_more()
    celery.kill_children()
    service.replace_workers()
    assert sent(http) >= counted
    assert count_one_more() > counted


def test_metrics_tell_how_often_workers_ran_a_task(
    celery: Part, count_one_more: Callable[[], float], http: httpx.Client
) -> None:
    count_one_more()
    ran = 'referral_task_duration_seconds_count{outcome="done",task="outbox.send_mails"}'
    assert ran in http.get("/metrics").text


def test_metrics_count_on_when_a_worker_is_replaced(
    celery: Part, count_one_more: Callable[[], float]
) -> None:
    counted = count_one_more()
    celery.kill()
    celery.start()
    assert count_one_more() > counted


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


@pytest.mark.usefixtures("celery")
def test_flower_shows_the_worker(service: Service, tmp_path: Path) -> None:
    port = free_port()
    with flower(service, tmp_path, port):
        wait_until(lambda: bool(seen_by_flower(port)), "worker in Flower")


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


@pytest.fixture(scope="module")
def mail_server_of_all() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def mail_server(mail_server_of_all: MailServer) -> MailServer:
    """One that takes everything and has taken nothing."""
    mail_server_of_all.recover()
    mail_server_of_all.mails.clear()
    return mail_server_of_all


@pytest.fixture(scope="module")
def service_settings(
    own_redis: OwnRedis,
    database_url: str,
    mail_server_of_all: MailServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return write_settings(
        tmp_path_factory.mktemp("settings"),
        database=database_url,
        cache=own_redis.url(0),
        broker=own_redis.url(1),
        public_url="http://127.0.0.1:8000",
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=mail_server_of_all.port,
        MAIL_USE_TLS=False,
        **GENEROUS,
    )


@pytest.fixture(scope="module")
def celery_of_all(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Part]:
    with worker(service, tmp_path_factory.mktemp("worker")) as part:
        wait_until(lambda: "ready." in part.logged(), "worker")
        yield part


@pytest.fixture
def celery(celery_of_all: Part) -> Part:
    """A worker that runs, whatever the last test did to it."""
    if not celery_of_all.runs():
        celery_of_all.start()
    return celery_of_all


@pytest.fixture
def call_sender(own_redis: OwnRedis) -> Iterator[Call]:
    """Calls the task that sends what is due, as beat does."""
    with Celery(broker=own_redis.url(1)) as caller:
        yield partial(caller.send_task, SEND_MAILS, queue="mails")


@pytest.fixture
def count_one_more(
    register: People, http: httpx.Client, sql: Sql, call_sender: Call
) -> Callable[[], float]:
    """Has somebody register and their mail sent and counted; gives the count."""
    return partial(register_until_counted, register, http, sql, call_sender)


def seconds_to_sign_up(http: httpx.Client) -> float:
    response = sign_up(http, "somebody@example.com")
    assert response.status_code == 201
    return response.elapsed.total_seconds()
