"""What an enrichment service knows of a person, and that they see it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from flask import Flask

from app.clients.clearbit import Clearbit
from app.services import enrichment
from dev.waiting import wait_until
from tests import stub_server
from tests.endings import Sql
from tests.people import People, Person
from tests.stub_server import Behaviour, StubServer, gives, sends

ADA = {"name": {"fullName": "Ada Lovelace"}, "location": "London"}
FOUND = {"person": ADA, "company": None}
CALLS = 'referral_external_calls_total{outcome="%s",service="clearbit"}'
FAILURES: dict[str, Behaviour] = {
    "202": gives({}, 202),
    "401": gives({}, 401),
    "402": gives({}, 402),
    "429": gives({}, 429),
    "500": gives({}, 500),
    "no JSON": sends(b'{"person": {'),
    "no number": sends(b'{"person": {"age": 1e999}}'),
    "NUL": sends(rb'{"person": {"name": "\u0000"}}'),
    "a profile too long": gives({"person": {"bio": "x" * 70_000}}),
}
NOTHING: dict[str, Behaviour] = {
    "nobody": gives({"person": None, "company": None}),
    "404": gives({}, 404),
    "422": gives({}, 422),
}


@pytest.fixture
def clearbit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    with StubServer() as server:
        server.answer = gives(FOUND)
        monkeypatch.setitem(app.config, "CLEARBIT_API_KEY", "s3cret")
        monkeypatch.setitem(app.config, "CLEARBIT_URL", server.url(path="/v2/combined/find"))
        yield server


@pytest.fixture
def look_up(app: Flask, sql: Sql) -> Callable[[], None]:
    """Does what the worker does, for whoever is due and for whoever will be."""

    def run() -> None:
        sql("UPDATE outbox SET due_at = now()")
        with app.app_context():
            enrichment.look_up_due()

    return run


def profile_of(person: Person) -> Any:
    return person.get("/auth/me").json()["profile"]


def owed(sql: Sql) -> list[tuple[Any, ...]]:
    return sql("SELECT attempts, last_failure FROM outbox WHERE kind = 'enrichment'")


def test_a_person_sees_what_was_found_of_them(
    clearbit: StubServer, register: People, look_up: Callable[[], None], sql: Sql
) -> None:
    person = register("ada@example.com")
    assert profile_of(person) is None
    look_up()
    assert profile_of(person) == FOUND
    assert owed(sql) == []
    [request] = clearbit.received
    assert request.query == {"email": ["ada@example.com"]}


def test_everybody_has_a_profile_of_their_own(
    clearbit: StubServer, register: People, look_up: Callable[[], None]
) -> None:
    ada = register()
    look_up()
    clearbit.answer = gives({"person": None, "company": {"name": "Acme"}})
    grace = register()
    look_up()
    assert [profile_of(person)["person"] for person in (ada, grace)] == [ADA, None]


def test_nobody_is_asked_while_a_person_registers(clearbit: StubServer, register: People) -> None:
    register()
    assert clearbit.received == []


def test_without_a_key_nobody_is_looked_up(register: People, sql: Sql) -> None:
    register()
    assert owed(sql) == []


def test_who_was_to_be_looked_up_is_not_once_the_key_is_gone(
    app: Flask,
    clearbit: StubServer,
    register: People,
    look_up: Callable[[], None],
    sql: Sql,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register()
    monkeypatch.setitem(app.config, "CLEARBIT_API_KEY", "")
    look_up()
    assert clearbit.received == []
    assert owed(sql) == []


def test_a_refused_registration_has_nobody_looked_up(
    clearbit: StubServer, http: httpx.Client, sql: Sql
) -> None:
    body = {"email": "ada@example.com", "password": "staple battery 9", "referral_code": "NONE"}
    assert http.post("/auth/register", json=body).status_code == 422
    assert owed(sql) == []


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_after_no_answer_it_is_asked_again_later(
    clearbit: StubServer,
    register: People,
    look_up: Callable[[], None],
    sql: Sql,
    answer: Behaviour,
) -> None:
    person = register()
    clearbit.answer = answer
    look_up()
    assert profile_of(person) is None
    assert [attempts for attempts, _ in owed(sql)] == [1]
    clearbit.answer = gives(FOUND)
    look_up()
    assert profile_of(person) == FOUND


@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_where_nothing_is_known_it_is_not_asked_again(
    clearbit: StubServer,
    register: People,
    look_up: Callable[[], None],
    sql: Sql,
    answer: Behaviour,
) -> None:
    person = register()
    clearbit.answer = answer
    look_up()
    assert profile_of(person) is None
    assert owed(sql) == []


def test_a_redirect_to_the_inside_is_not_followed(
    clearbit: StubServer, register: People, look_up: Callable[[], None], sql: Sql
) -> None:
    with StubServer() as inside:
        inside.answer = gives(FOUND)
        clearbit.answer = stub_server.redirects(inside.url())
        register()
        look_up()
        assert inside.received == []
    assert owed(sql) == [(1, "redirected")]


def test_what_becomes_of_the_calls_is_counted(
    clearbit: StubServer, register: People, look_up: Callable[[], None], http: httpx.Client
) -> None:
    before = http.get("/metrics").text
    register()
    clearbit.answer = gives({}, 402)
    look_up()
    clearbit.answer = gives(FOUND)
    look_up()
    after = http.get("/metrics").text
    for outcome in ("quota", "found"):
        assert count(after, outcome) == count(before, outcome) + 1


def count(exposition: str, outcome: str) -> float:
    name = CALLS % outcome
    lines = [line for line in exposition.splitlines() if line.startswith(name)]
    return float(lines[0].split()[-1]) if lines else 0


def test_a_clearbit_that_hangs_keeps_one_process_waiting_and_no_more(
    app: Flask, clearbit: StubServer, register: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clearbit, "seconds", 1.5)
    clearbit.answer = stub_server.hangs
    register()
    register()

    def work() -> None:
        with app.app_context():
            enrichment.look_up_due()

    with ThreadPoolExecutor() as pool:
        first = pool.submit(work)
        wait_until(lambda: len(clearbit.received) == 1, "call")
        work()
        assert not first.done()
        assert len(clearbit.received) == 1


def test_numbers_are_kept_as_they_were_said(
    clearbit: StubServer, register: People, look_up: Callable[[], None]
) -> None:
    person = register()
    clearbit.answer = sends(b'{"person": {"a": [1e308, 1e22, -0.0]}}')
    look_up()
    assert len(person.get("/auth/me").content) < 1000
    assert str(profile_of(person)["person"]["a"]) == "[1e+308, 1e+22, -0.0]"
