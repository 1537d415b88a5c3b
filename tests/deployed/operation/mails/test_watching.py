"""What there is to be seen of the workers that send."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dev.ports import free_port
from dev.waiting import wait_until
from tests.deployed.mailing import sent
from tests.deployed.service import Service
from tests.deployed.worker import Part, flower, seen_by_flower

pytestmark = pytest.mark.xdist_group("watching")


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


@pytest.mark.usefixtures("celery")
def test_flower_shows_the_worker(service: Service, tmp_path: Path) -> None:
    port = free_port()
    with flower(service, tmp_path, port):
        wait_until(lambda: bool(seen_by_flower(port)), "worker in Flower")
