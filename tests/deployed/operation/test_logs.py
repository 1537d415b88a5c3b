"""What a deployment logs: one JSON line an event, by which a request is found, and no secret."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from celery import Celery

from app import create_app
from app.queue import SEND_MAILS
from app.settings import load_settings
from dev.settings import write_settings
from tests.deployed.canaries import (
    Canaries,
    plant_everywhere,
    plant_in_bad_http,
    plant_in_odd_requests,
)
from tests.deployed.deployment import Deployment
from tests.deployed.eventful import (
    calling_it,
    links_are_followed,
    people_come,
    people_err,
    servers_are_lost,
    tables_are_lost,
)
from tests.deployed.mailing import Call, Sql, wait_until_nothing_is_owed
from tests.deployed.own_postgres import OwnPostgres
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import connections_to
from tests.mail_server import MailServer
from tests.routes import routes_of
from tests.stub_server import StubServer, gives

pytestmark = pytest.mark.xdist_group("logs")

FIELDS = {"time", "level", "logger", "message"}
ACCESS_FIELDS = FIELDS | {"remote", "method", "path", "status", "bytes", "ms", "request_id"}


def test_no_log_holds_an_address_a_token_or_a_password(
    deployment: Deployment, canaries: Canaries
) -> None:
    assert canaries.found_in(deployment.written()) == []


def test_every_line_is_a_json_object_of_known_fields(deployment: Deployment) -> None:
    for line in deployment.lines:
        assert FIELDS <= line.keys() <= ACCESS_FIELDS | {"exception"}, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line


def test_every_process_writes_such_lines(deployment: Deployment) -> None:
    said = {(line["logger"], line["message"].split()[0]) for line in deployment.lines}
    assert said >= {
        ("gunicorn.error", "Starting"),
        ("gunicorn.error", "Handling"),
        ("gunicorn.access", "127.0.0.1"),
        ("celery", "worker:"),
        ("celery.beat", "beat:"),
    }


def test_the_access_log_says_what_was_asked_without_the_query(deployment: Deployment) -> None:
    (line,) = deployment.about("crashing", "gunicorn.access")
    assert line.keys() == ACCESS_FIELDS
    assert line["path"] == "/referral/code/by-email"
    assert (line["method"], line["status"], line["remote"]) == ("GET", 500, "127.0.0.1")
    assert line["bytes"] > 0
    assert line["ms"] >= 0


def test_a_crash_is_a_line_with_the_types_of_the_errors_and_where_they_were_raised(
    deployment: Deployment,
) -> None:
    (line,) = deployment.about("crashing", "app.errors")
    assert [error["type"] for error in line["exception"]] == ["psycopg2.errors.UndefinedTable"]
    stack = line["exception"][0]["stack"]
    assert any(re.match(r"app/services/lookup\.py:\d+:\w+", frame) for frame in stack)


def test_the_worker_names_the_request_that_a_mail_goes_back_to(deployment: Deployment) -> None:
    for id_ in ("registering", "resetting"):
        assert any(deployment.about(id_, "app.services.outbox")), id_


def test_a_task_that_crashes_is_told_of_with_the_request_that_called_for_it(
    deployment: Deployment,
) -> None:
    crash, *_ = deployment.about("calling", "app.queue")
    assert crash["message"] == "Task outbox.send_mails crashed"
    assert crash["exception"][0]["type"] == "sqlalchemy.exc.OperationalError"


def test_what_gunicorn_refuses_is_told_of_by_its_kind(deployment: Deployment) -> None:
    refusals = [line for line in deployment.lines if line.get("status") == 431]
    (line,) = [line for line in refusals if line["logger"] == "gunicorn.error"]
    assert line["message"].endswith("LimitRequestHeaders")
    assert line["request_id"]


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def stub(canaries: Canaries) -> Iterator[StubServer]:
    """The web services outside, which answer with names."""
    with StubServer() as server:
        name = {"name": canaries.word("profile")}
        server.answer = gives({"person": name, "company": None, "data": name})
        yield server


@pytest.fixture(scope="module")
def mail_server(canaries: Canaries) -> Iterator[MailServer]:
    """One that refuses every second mail, and quotes an address."""
    with MailServer() as server:
        server.refuse("RCPT", f"550 {canaries.address('mail server')} is unknown", every=2)
        yield server


@pytest.fixture(scope="module")
def settings(
    own_postgres: OwnPostgres,
    own_redis: OwnRedis,
    mail_server: MailServer,
    stub: StubServer,
    canaries: Canaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    path = write_settings(
        tmp_path_factory.mktemp("settings"),
        DEVELOPMENT=False,
        database=own_postgres.url,
        cache=own_redis.url(0),
        broker=own_redis.url(1),
        public_url="http://127.0.0.1:8000",
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=mail_server.port,
        MAIL_USE_TLS=False,
        EMAIL_HUNTER_API_KEY=canaries.word("key of Hunter"),
        EMAIL_HUNTER_URL=stub.url(),
        CLEARBIT_API_KEY=canaries.word("key of Clearbit"),
        CLEARBIT_URL=stub.url(),
    )
    canaries.add("SECRET_KEY", json.loads(path.read_text())["SECRET_KEY"])
    for url in (own_postgres.url, own_redis.url()):
        canaries.add("password of a server", str(urlsplit(url).password))
    return path


@pytest.fixture(scope="module")
def sql(own_postgres: OwnPostgres) -> Iterator[Sql]:
    def run(statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(own_postgres.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture(scope="module")
def call_sender(own_redis: OwnRedis) -> Iterator[Call]:
    """Calls the task that sends what is due, as beat does."""
    with Celery(broker=own_redis.url(1)) as caller:
        headers = {"request_id": "calling"}
        yield partial(caller.send_task, SEND_MAILS, queue="mails", headers=headers)


@pytest.fixture(scope="module")
def deployment(
    settings_file: Path,
    settings: Path,
    own_postgres: OwnPostgres,
    own_redis: OwnRedis,
    mail_server: MailServer,
    canaries: Canaries,
    sql: Sql,
    call_sender: Call,
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployment:
    """One that has ended, after everything has happened to it."""
    folder = tmp_path_factory.mktemp("deployment")
    running = Deployment(settings, folder, own_postgres.log, own_redis.log)
    with running, connections_to(running.service.url) as http:
        ada, grace = people_come(http, canaries)
        people_err(http, ada, canaries)
        calling_it(http, "resetting").post("/auth/reset_password", json={"email": ada.email})
        wait_until_nothing_is_owed(sql, call_sender)
        links_are_followed(http, ada, mail_server, canaries)
        tables_are_lost(http, ada.email, running, sql, call_sender)
        servers_are_lost(http, ada.email, running, (own_postgres, own_redis), call_sender)
        del http.headers["X-Request-ID"]
        routes = routes_of(create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)})))
        plant_everywhere(http, routes, grace.access_token, canaries)
        plant_in_odd_requests(http, canaries)
        plant_in_bad_http(running.service.port, canaries)
        running.service.replace_workers()
    return running
