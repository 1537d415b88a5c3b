"""Workers are woken by what is committed, and no request waits for a broker that is lost."""

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from time import monotonic

import httpx
import pytest
import redis
from flask import Flask

from app.extensions import db, task_queue
from app.queue import HASTY, TaskQueue
from dev.ports import free_port
from tests.conftest import redis_address
from tests.holding import held_at_commit
from tests.inbox import Inbox
from tests.people import PASSWORD, People
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet

Calls = Callable[[], int]
Statements = Callable[[], contextlib.AbstractContextManager[list[str]]]


@pytest.fixture
def broker(worker: int) -> Iterator[redis.Redis]:
    """The Redis through which workers are woken, with no call in it."""
    with redis.Redis.from_url(redis_address(2 * worker + 1)) as client:
        client.flushdb()
        yield client


@pytest.fixture
def calls(broker: redis.Redis) -> Calls:
    """Tells how often the senders of mails were called."""
    return lambda: broker.llen("mails")


def test_a_registration_wakes_a_sender(register: People, calls: Calls) -> None:
    register()
    assert calls() == 1


def test_a_registration_wakes_whoever_looks_people_up(
    app: Flask, register: People, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "CLEARBIT_API_KEY", "s3cret")
    register()
    assert broker.llen("enrichment") == 1


def test_a_transaction_that_owes_several_mails_wakes_one(register: People, calls: Calls) -> None:
    code = register().publish()["code"]
    before = calls()
    register(referral_code=code)
    assert calls() == before + 1


def test_what_owes_nothing_wakes_nobody(register: People, calls: Calls) -> None:
    ada = register()
    before = calls()
    ada.publish()
    ada.log_in()
    assert calls() == before


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"email": "ada@example.com"}, "email_taken"),
        ({"referral_code": "NONE"}, "referral_code_invalid"),
    ],
)
def test_what_was_undone_wakes_nobody(
    http: httpx.Client, register: People, calls: Calls, terms: dict[str, str], code: str
) -> None:
    register(email="ada@example.com")
    before = calls()
    body = {"email": "grace@example.com", "password": PASSWORD} | terms
    assert_problem(
        http.post("/auth/register", json=body), 409 if code == "email_taken" else 422, code
    )
    assert calls() == before


def test_a_sender_is_woken_only_after_the_commit(
    app: Flask, register: People, calls: Calls
) -> None:
    with app.app_context():
        engine = db.engine
    with held_at_commit(engine, register) as registration:
        assert calls() == 0
    registration.result()
    assert calls() == 1


def test_the_call_carries_nothing(register: People, broker: redis.Redis) -> None:
    person = register()
    (call,) = broker.lrange("mails", 0, -1)
    assert b"outbox.send_mails" in call
    assert person.email.encode() not in call


def test_the_call_names_the_request(http: httpx.Client, broker: redis.Redis) -> None:
    http.headers["X-Request-ID"] = "mine"
    People(http)()
    (call,) = broker.lrange("mails", 0, -1)
    assert json.loads(call)["headers"]["request_id"] == "mine"


def test_a_connection_to_the_broker_that_was_cut_is_replaced_at_once(
    register: People, broker: redis.Redis, calls: Calls, worker: int
) -> None:
    register()
    before = calls()
    for connection in broker.client_list():
        if connection["db"] == str(2 * worker + 1) and connection["id"] != str(broker.client_id()):
            broker.client_kill_filter(_id=connection["id"])
    register()
    assert calls() == before + 1


def test_a_registration_costs_one_statement_more_for_each_mail(
    register: People, statements: Statements
) -> None:
    code = register().publish()["code"]
    with statements() as ran:
        register(referral_code=code)
    assert [each.split()[2] for each in ran if each.startswith("INSERT")] == [
        *("users", "sessions", "refresh_tokens", "outbox"),
        *("referrals", "outbox"),
    ]
    # The lock of the code.
    assert len(ran) == 7


@contextlib.contextmanager
def nothing() -> Iterator[str]:
    yield f"redis://127.0.0.1:{free_port()}/1"


@contextlib.contextmanager
def no_password() -> Iterator[str]:
    yield redis_address(1).replace("redis://:", "redis://:wrong")


@contextlib.contextmanager
def no_such_database() -> Iterator[str]:
    yield redis_address(4711)


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/1"


LOST = [nothing, no_password, no_such_database, silence]


@pytest.fixture(params=LOST, ids=lambda lost: lost.__name__)
def lost(
    request: pytest.FixtureRequest, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Has the service meet a broker that is lost, in one way or another."""
    with request.param() as url:
        queue = TaskQueue()
        task_queue.set_current()
        monkeypatch.setitem(app.config, "REDIS_URL_BROKER", url)
        monkeypatch.setitem(HASTY, "socket_timeout", 0.2)
        monkeypatch.setitem(HASTY, "socket_connect_timeout", 0.2)
        queue.init_app(app)
        monkeypatch.setattr("app.database.task_queue", queue)
        yield
        queue.close()


@pytest.mark.usefixtures("lost")
def test_without_a_broker_people_register_as_fast_as_ever(http: httpx.Client) -> None:
    started = monotonic()
    for number in range(5):
        body = {"email": f"ada{number}@example.com", "password": PASSWORD}
        assert http.post("/auth/register", json=body).status_code == 201
    taken = monotonic() - started
    assert_when_quiet(taken < 5, taken)


@pytest.mark.usefixtures("lost")
def test_without_a_broker_no_mail_is_lost(inbox: Inbox, register: People) -> None:
    assert len(inbox.mails(register().email)) == 1


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize(("pause", "tries"), [(60.0, 1), (0.0, 3)])
def test_a_broker_that_is_lost_is_left_alone_for_a_moment_and_the_log_says_why(
    register: People,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[str]],
    pause: float,
    tries: int,
) -> None:
    monkeypatch.setattr("app.queue.PAUSE_SECONDS", pause)
    for _ in range(3):
        register()
    lines = logged()
    assert len(lines) == tries
    for line in lines:
        assert re.fullmatch(r"The broker does not answer: \w+", line)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Gives what the service has logged since the test began."""
    return lambda: [each.getMessage() for each in caplog.records if each.name.startswith("app")]
