"""`make bench`: what it sends, what it hears, and what it holds that against."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app import create_app
from app.extensions import exchange
from app.settings import load_settings
from bench.bare import Answer, keep
from bench.listening import parameters, statements_of
from bench.load import BenchError, Load, answers_to, has_wrk
from bench.measuring import sent
from bench.parts import argon2id, seconds_of
from bench.requests import Request, log_in, look_up, read, register, write
from bench.servers import Gunicorn, bare
from bench.truth import Changers
from bench.usage import wait_until_idle
from dev.waiting import wait_until
from tests.people import PASSWORD, bearer
from tests.serving import served
from tests.stub_server import Handler, StubServer, gives

pytestmark = pytest.mark.xdist_group("bench")

SAID = Answer(201, "application/json", '{"greeting": "grüß dich"}')
WRK = pytest.mark.skipif(not has_wrk(), reason="wrk is not there")
COUNTED, TIMED = Load(5, connections=4, count=50), Load(1, connections=4)

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def gunicorn(settings_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """The bare application."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "answers").mkdir()
    keep(SAID, folder / "answers", "greeting")
    with bare(folder / "gunicorn", settings_file, folder / "answers") as running:
        yield running


def test_the_bare_route_gives_the_same_answer(gunicorn: Gunicorn) -> None:
    response = sent(gunicorn.url, Request("/greeting"))
    assert (response.status_code, response.headers["Content-Type"], response.text) == (
        SAID.status,
        SAID.content_type,
        SAID.body,
    )


@pytest.mark.parametrize("load", [COUNTED, pytest.param(TIMED, marks=WRK)])
def test_answers_are_counted_and_timed(gunicorn: Gunicorn, tmp_path: Path, load: Load) -> None:
    answers = answers_to([Request("/greeting")] * 3, gunicorn.url, load, tmp_path)
    assert answers.requests == 50 if load.count else answers.requests > 50
    assert 0 < answers.p50 <= answers.p99 < answers.seconds * 1000
    assert not answers.exhausted


@pytest.mark.parametrize("load", [COUNTED, pytest.param(TIMED, marks=WRK)])
def test_one_answer_that_is_no_success_spoils_it(
    gunicorn: Gunicorn, tmp_path: Path, load: Load
) -> None:
    asked = [*[Request("/greeting")] * 3, Request("/nowhere")]
    with pytest.raises(BenchError, match="were no success"):
        answers_to(asked, gunicorn.url, load, tmp_path)


@pytest.mark.parametrize("workers", [True, pytest.param(False, marks=WRK)])
def test_requests_that_may_be_sent_once_run_out(
    gunicorn: Gunicorn, tmp_path: Path, workers: bool
) -> None:
    # Where it may choose who serves, it is not wrk that asks.
    chosen = [gunicorn.worker.pid] if workers else []
    load = Load(1, connections=2, once=True, workers=chosen)
    answers = answers_to([Request("/greeting")] * 20, gunicorn.url, load, tmp_path)
    assert answers.exhausted
    assert answers.requests <= 20


def test_only_the_chosen_worker_serves(settings_file: Path, tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    keep(SAID, tmp_path / "answers", "greeting")
    with bare(tmp_path / "gunicorn", settings_file, tmp_path / "answers", workers=2) as running:
        chosen, other = running.workers
        wait_until_idle(running.workers)
        before = used(chosen), used(other)
        load = Load(5, connections=4, count=1000, workers=[chosen.pid])
        answers_to([Request("/greeting")], running.url, load, tmp_path)
        assert used(chosen) - before[0] > 5 * (used(other) - before[1])


def used(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def test_requests_come_out_of_the_file_as_they_are_sent(tmp_path: Path) -> None:
    asked = [look_up("ada+1@example.com"), log_in("ada@example.com", 'a "password"')]
    write(asked, tmp_path / "asked")
    first, second = read(tmp_path / "asked")
    assert first.startswith(b"GET /referral/code/by-email?email=ada%2B1%40example.com HTTP/1.1\r\n")
    head, _, body = second.partition(b"\r\n\r\n")
    assert json.loads(body) == {"email": "ada@example.com", "password": 'a "password"'}
    assert f"Content-Length: {len(body)}".encode() in head.splitlines()


def test_what_is_refused_is_nothing_to_measure(settings_file: Path) -> None:
    with pytest.raises(BenchError, match="404"):
        statements_of(settings_file, look_up("a@example.com"), look_up("b@example.com"))


def test_what_a_registration_writes_is_written_again_and_undone(
    settings_file: Path, database_url: str, sql: Sql
) -> None:
    code = publish(settings_file, "ada@example.com")
    people = [register(f"person{number}@example.com", PASSWORD, code) for number in range(2)]
    statements = statements_of(settings_file, *people)
    assert any(text.startswith("INSERT INTO referrals") for text in statements.texts)
    assert not statements.only_read
    assert seconds_of(statements, database_url, 0.05) > 0
    assert sql("SELECT count(*) FROM users") == [(3,)]


def test_what_is_answered_from_a_copy_has_no_statements(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "timeout", 5.0)
    publish(settings_file, "ada@example.com")
    twice = look_up("ada@example.com")
    assert statements_of(settings_file, twice, twice).texts == []


def test_what_only_reads_is_told_from_what_writes(settings_file: Path, database_url: str) -> None:
    publish(settings_file, "ada@example.com")
    own_code = Request("/referral/code", token=token_of(settings_file, "ada@example.com"))
    statements = statements_of(settings_file, own_code, own_code)
    assert {text.split()[0] for text in statements.texts} == {"EXECUTE"}
    assert statements.only_read
    assert seconds_of(statements, database_url, 0.05) > 0


def test_a_hash_costs_what_the_service_makes_it_cost() -> None:
    assert (parameters().time_cost, parameters().memory_cost) == (2, 19 * 1024)
    assert argon2id(parameters(), 0.1) > 0.001


def test_look_ups_right_after_a_change_are_checked(settings_file: Path) -> None:
    publish(settings_file, "ada@example.com")
    with served(create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))) as url:
        changers = Changers(url, ["ada@example.com"], PASSWORD)
        with changers.at_work():
            wait_until(lambda: changers.truth.changes > 2, "changes")
    assert changers.truth.looked_up == 4 * changers.truth.changes
    assert changers.truth.old == 0


def test_an_old_answer_is_noticed() -> None:
    with StubServer() as service:
        service.answer = remembers_the_first_code
        changers = Changers(service.url(path=""), ["ada@example.com"], PASSWORD)
        with changers.at_work():
            wait_until(lambda: changers.truth.changes > 1, "changes")
    assert changers.truth.old == changers.truth.looked_up > 0


def remembers_the_first_code(handler: Handler) -> None:
    code = "NEW" if handler.path == "/referral/code" else "OLD"
    gives({"access_token": "any", "code": code})(handler)


def publish(settings: Path, email: str) -> str:
    """Register somebody and publish their code."""
    client = create_app(load_settings({"REFERRAL_SETTINGS": str(settings)})).test_client()
    person = client.post("/auth/register", json={"email": email, "password": PASSWORD}).get_json()
    answer = client.post(
        "/referral/code",
        json={"lifetime_minutes": 60},
        headers=bearer(person["access_token"]),
    )
    return str(answer.get_json()["code"])


def token_of(settings: Path, email: str) -> str:
    client = create_app(load_settings({"REFERRAL_SETTINGS": str(settings)})).test_client()
    answer = client.post("/auth/login", json={"email": email, "password": PASSWORD})
    return str(answer.get_json()["access_token"])
