"""A service, a worker of its own, and the mail server that they send by."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from celery import Celery

from app.queue import SEND_MAILS
from dev.settings import write_settings
from dev.waiting import wait_until
from tests.conftest import GENEROUS
from tests.deployed.mailing import Call, Sql, register_until_counted
from tests.deployed.own_redis import OwnRedis
from tests.deployed.service import Service
from tests.deployed.worker import Part, worker
from tests.mail_server import MailServer
from tests.people import People


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
