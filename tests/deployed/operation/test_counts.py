"""What is counted of processes that have died."""

import os
import signal
from functools import partial
from pathlib import Path

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.counts import counted, in_progress
from tests.deployed.service import Service, answers, connections_to
from tests.deployed.waiting import PEOPLE, waiting_for
from tests.people import People

pytestmark = pytest.mark.xdist_group("counts")


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
