"""Which addresses may register, whatever becomes of the service that is asked about them."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import circuitbreaker
import httpx
import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.clients.hunter import Hunter
from app.settings import load_settings
from dev.waiting import wait_until
from tests import stub_server
from tests.endings import Sql
from tests.people import PASSWORD, People
from tests.problems import assert_problem
from tests.quiet import assert_when_quiet
from tests.serving import served
from tests.stub_server import Behaviour, StubServer, gives, redirects, sends

FAILURES = 5
CALLS = "referral_external_calls_total"


@pytest.fixture
def hunter() -> Iterator[StubServer]:
    with StubServer() as server:
        server.answer = gives({"data": {"status": "valid"}})
        yield server


@pytest.fixture
def key() -> str:
    return "s3cret"


@pytest.fixture
def app(settings_file: Path, hunter: StubServer, key: str) -> Flask:
    """An application that knows nothing of Hunter yet."""
    environment = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_EMAIL_HUNTER_API_KEY": key,
        "REFERRAL_EMAIL_HUNTER_URL": hunter.url(path="/v2/email-verifier"),
    }
    return create_app(load_settings(environment))


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def counted(http: httpx.Client) -> Callable[[], Counter[str]]:
    """Tells how Hunter's answers were counted since the test began."""

    def outcomes() -> Counter[str]:
        # Of these alone: to read all that is told takes longer than most of these tests.
        lines = [line for line in http.get("/metrics").text.splitlines() if line.startswith(CALLS)]
        families = text_string_to_metric_families("\n".join(lines))
        samples = [sample for family in families for sample in family.samples]
        calls = [each for each in samples if each.labels["service"] == "hunter"]
        return Counter({each.labels["outcome"]: int(each.value) for each in calls})

    before = outcomes()
    return lambda: outcomes() - before


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts forward, by seconds, the clock by which Hunter is left alone."""
    return lambda seconds: monkeypatch.setattr(
        circuitbreaker, "monotonic", lambda: monotonic() + seconds
    )


Counted = Callable[[], Counter[str]]
PassTime = Callable[[float], None]


def try_to_register(http: httpx.Client, email: str = "ada@example.com") -> httpx.Response:
    return http.post("/auth/register", json={"email": email, "password": PASSWORD})


def fail(hunter: StubServer, register: People, times: int = FAILURES) -> None:
    """Let Hunter fail that often in a row."""
    hunter.answer = sends(b"", 500)
    for _ in range(times):
        register()


def test_hunter_is_not_asked_about_a_disposable_domain(
    http: httpx.Client, hunter: StubServer
) -> None:
    assert_problem(try_to_register(http, "ada@mailinator.com"), 422, "email_rejected")
    assert hunter.received == []


@pytest.mark.parametrize("key", [""], ids=["no key"])
def test_without_a_key_nobody_is_asked(
    register: People, hunter: StubServer, counted: Counted
) -> None:
    register()
    assert hunter.received == []
    assert counted() == {}


def test_hunter_is_asked_about_the_address_once(register: People, hunter: StubServer) -> None:
    register("Ada+Tag@Example.com")
    [request] = hunter.received
    assert request.query == {"email": ["ada+tag@example.com"]}
    assert request.headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("status", ["invalid", "disposable"])
def test_an_address_that_hunter_warns_of_is_refused(
    http: httpx.Client, hunter: StubServer, sql: Sql, counted: Counted, status: str
) -> None:
    hunter.answer = gives({"data": {"status": status}})
    assert_problem(try_to_register(http), 422, "email_rejected")
    assert sql("SELECT count(*) FROM users") == [(0,)]
    assert counted() == {status: 1}


@pytest.mark.parametrize("status", ["valid", "accept_all", "webmail", "unknown"])
def test_any_other_verdict_lets_a_person_in(
    register: People, hunter: StubServer, counted: Counted, status: str
) -> None:
    hunter.answer = gives({"data": {"status": status}})
    register()
    assert counted() == {status: 1}


NO_VERDICTS: dict[str, tuple[Behaviour, str]] = {
    "a word nobody knows": (gives({"data": {"status": "INVALID"}}), "malformed"),
    "no status": (gives({"data": None}), "malformed"),
    "broken JSON": (sends(b'{"data": {"status": "invalid"}'), "malformed"),
    "10 MB": (stub_server.floods, "too_large"),
    "half an answer": (stub_server.closes_early, "failed"),
    "a hang": (stub_server.hangs, "timeout"),
    "a trickle": (stub_server.trickles, "timeout"),
    "202": (gives({"data": {"status": "invalid"}}, 202), "pending"),
    "400": (gives({}, 400), "declined"),
    "401": (gives({}, 401), "refused"),
    "429": (gives({}, 429), "quota"),
    "500": (gives({}, 500), "failed"),
}


@pytest.mark.parametrize(("answer", "outcome"), NO_VERDICTS.values(), ids=NO_VERDICTS)
def test_whatever_happens_to_hunter_lets_a_person_in(
    register: People,
    hunter: StubServer,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    answer: Behaviour,
    outcome: str,
) -> None:
    if outcome == "timeout":
        monkeypatch.setattr(Hunter, "seconds", 0.5)
    hunter.answer = answer
    register()
    assert counted() == {outcome: 1}


def test_a_redirect_to_the_inside_is_not_followed(
    register: People, hunter: StubServer, counted: Counted
) -> None:
    with StubServer() as inside:
        hunter.answer = redirects(inside.url())
        register()
        assert inside.received == []
    assert counted() == {"redirected": 1}


def test_a_hanging_hunter_costs_a_registration_two_seconds(
    register: People, hunter: StubServer
) -> None:
    hunter.answer = stub_server.hangs
    started = monotonic()
    register()
    taken = monotonic() - started
    assert taken > 1.5
    assert_when_quiet(taken < 3, taken)


def test_nobody_waits_until_a_hanging_hunter_has_cost_another_their_time(
    register: People, hunter: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hunter, "seconds", 1.0)
    hunter.answer = stub_server.hangs
    started = monotonic()
    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(lambda _: register(), range(4)))
    taken = monotonic() - started
    assert_when_quiet(taken < 3, taken)


def test_after_five_hangs_in_a_row_hunter_is_left_alone(
    register: People, hunter: StubServer, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hunter, "seconds", 0.1)
    hunter.answer = stub_server.hangs
    for _ in range(FAILURES + 2):
        register()
    assert len(hunter.received) == FAILURES
    assert counted() == {"timeout": FAILURES, "skipped": 2}


@pytest.mark.parametrize("status", [401, 429])
def test_a_useless_key_is_a_failure_as_well(
    register: People, hunter: StubServer, counted: Counted, status: int
) -> None:
    hunter.answer = gives({}, status)
    for _ in range(FAILURES + 1):
        register()
    assert counted()["skipped"] == 1


@pytest.mark.parametrize("status", [202, 222, 400, 422, 451])
def test_what_is_the_matter_with_an_address_is_no_failure(
    register: People, hunter: StubServer, counted: Counted, status: int
) -> None:
    hunter.answer = gives({}, status)
    for _ in range(FAILURES + 1):
        register()
    assert len(hunter.received) == FAILURES + 1
    assert counted()["skipped"] == 0


def test_failures_count_in_a_row_only(register: People, hunter: StubServer) -> None:
    fail(hunter, register, FAILURES - 1)
    hunter.answer = gives({"data": {"status": "valid"}})
    register()
    fail(hunter, register, FAILURES)
    assert len(hunter.received) == 2 * FAILURES


def test_hunter_is_left_alone_for_a_minute(
    register: People, hunter: StubServer, pass_time: PassTime
) -> None:
    fail(hunter, register)
    pass_time(55)
    register()
    assert len(hunter.received) == FAILURES
    pass_time(65)
    register()
    assert len(hunter.received) == FAILURES + 1


def test_a_hunter_that_has_recovered_is_asked_by_all_again(
    http: httpx.Client, register: People, hunter: StubServer, pass_time: PassTime
) -> None:
    fail(hunter, register)
    pass_time(65)
    hunter.answer = gives({"data": {"status": "invalid"}})
    for _ in range(2):
        assert_problem(try_to_register(http), 422, "email_rejected")


def test_after_each_minute_hunter_gets_one_try_to_recover(
    register: People, hunter: StubServer, pass_time: PassTime
) -> None:
    fail(hunter, register)
    for minute in (1, 2):
        pass_time(65 * minute)
        fail(hunter, register, 2)
        assert len(hunter.received) == FAILURES + minute


def test_after_the_minute_one_person_waits_for_hunter_and_nobody_else(
    register: People, hunter: StubServer, counted: Counted, pass_time: PassTime
) -> None:
    fail(hunter, register)
    pass_time(65)
    hunter.answer = stub_server.hangs
    with ThreadPoolExecutor(1) as background:
        waiting = background.submit(register)
        wait_until(lambda: len(hunter.received) > FAILURES, "sixth try")
        register()
        assert not waiting.done()
    assert counted() == {"failed": FAILURES, "skipped": 1, "timeout": 1}


def test_the_log_says_that_hunter_is_left_alone_and_names_nobody(
    register: People, hunter: StubServer, caplog: pytest.LogCaptureFixture
) -> None:
    hunter.answer = gives({"data": "ada@example.com"}, 429)
    for number in range(FAILURES + 1):
        register(f"ada{number}@example.com")
    assert "Hunter is left alone for 60 s: quota" in caplog.messages
    assert "@" not in caplog.text
    assert "s3cret" not in caplog.text
