"""Processes that were forked share no connection to PostgreSQL or Redis."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service, connections_to
from tests.deployed.worker import worker
from tests.people import People


@pytest.fixture
def servers(database_url: str, redis_url: str) -> set[int | None]:
    """The ports of PostgreSQL and of Redis."""
    return {urlsplit(database_url).port, urlsplit(redis_url).port}


@pytest.mark.parametrize("arguments", ["", "--preload"])
def test_web_workers(
    settings_file: Path, tmp_path: Path, servers: set[int | None], arguments: str
) -> None:
    environment = {"GUNICORN_CMD_ARGS": arguments, "TMPDIR": str(tmp_path)}
    with Service(settings_file, tmp_path, environment) as service:
        master = psutil.Process(service.process.pid)
        workers = master.children()
        wait_until(lambda: all_ask(service, workers, servers), "connections of every worker")
        assert not connections(master, servers)
        assert not shared(workers, servers)


def test_celery_workers(settings_file: Path, tmp_path: Path, servers: set[int | None]) -> None:
    with Service(settings_file, tmp_path) as service, worker(service, tmp_path) as celery:
        with connections_to(service.url) as http:
            register = People(http)

            def all_have_worked() -> bool:
                register()
                return len(holders(celery.processes(), servers)) > 2

            wait_until(all_have_worked, "connections of several processes")
        assert not shared(celery.processes(), servers)


def all_ask(service: Service, workers: list[psutil.Process], servers: set[int | None]) -> bool:
    """Tell whether every worker is connected to both servers, after one more request to one."""
    with connections_to(service.url) as http:
        http.get("/readyz").raise_for_status()
    return all({port for _, port in connections(each, servers)} == servers for each in workers)


def holders(processes: Sequence[psutil.Process], servers: set[int | None]) -> list[psutil.Process]:
    return [process for process in processes if connections(process, servers)]


def shared(processes: Sequence[psutil.Process], servers: set[int | None]) -> list[tuple[int, int]]:
    """The connections that more than one process has."""
    held = Counter(each for process in processes for each in connections(process, servers))
    return [connection for connection, times in held.items() if times > 1]


def connections(process: psutil.Process, servers: set[int | None]) -> set[tuple[int, int]]:
    """The port at each end, its own first."""
    return {
        (each.laddr.port, each.raddr.port)
        for each in process.net_connections("tcp")
        if each.raddr and each.raddr.port in servers
    }
