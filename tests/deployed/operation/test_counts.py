"""What is counted by several processes, and of those that have died."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from dev.processes import signal_all
from dev.waiting import wait_until
from tests.deployed.counts import counted, in_progress
from tests.deployed.service import Service, answers, connections_to
from tests.deployed.waiting import PEOPLE, waiting_for
from tests.people import People

pytestmark = pytest.mark.xdist_group("counts")


@pytest.mark.parametrize("environment", [None, {}], ids=["in a given folder", "in its own folder"])
def test_the_numbers_of_several_processes_add_up(
    settings_file: Path, tmp_path: Path, environment: dict[str, str] | None
) -> None:
    with (
        Service(settings_file, tmp_path, environment) as service,
        connections_to(service.url) as http,
    ):
        workers = [psutil.Process(pid) for pid in service.workers()]
        assert len(workers) > 1
        for worker in workers:
            with only_serving(worker, workers):
                for _ in range(3):
                    http.get("/nothing")
        for worker in workers:
            with only_serving(worker, workers):
                assert counted(http, "unmatched") == 3 * len(workers)


def test_what_a_worker_that_died_was_answering_is_in_progress_no_more(
    http: httpx.Client, service: Service, database_url: str
) -> None:
    before = service.workers()
    publish = partial(People(http)().post, "/referral/code", {"lifetime_minutes": 60})
    with waiting_for(PEOPLE, database_url, publish) as waiting:
        assert in_progress(http, "POST") == 1
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        assert isinstance(waiting.answer.exception(), httpx.TransportError)
    wait_until(lambda: len(service.workers() - before) == len(before), "other workers")
    wait_until(lambda: answers(service.url), "answer")
    assert in_progress(http, "POST") == 0


def test_what_an_earlier_run_has_counted_is_not_counted_again(
    settings_file: Path, tmp_path: Path
) -> None:
    service = Service(settings_file, tmp_path)
    for _ in range(2):
        with service, connections_to(service.url) as http:
            assert counted(http, "/auth/me") == 0
            http.get("/auth/me")
            assert counted(http, "/auth/me") == 1
            for process in [service.process.pid, *service.workers()]:
                os.kill(process, signal.SIGKILL)


@contextmanager
def only_serving(worker: psutil.Process, workers: list[psutil.Process]) -> Iterator[None]:
    """This worker answers meanwhile, since the others stand still."""
    others = [each for each in workers if each != worker]
    signal_all(others, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(others, signal.SIGCONT)
