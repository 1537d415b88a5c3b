"""Policies that hold for every task, so that no new one forgets them."""

import ast
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from celery import Task
from celery.exceptions import QueueNotFound

from app import create_app, queue, tasks
from app.extensions import task_queue
from app.queue import CONFIGURATION, PATIENT, TaskQueue
from app.services.outbox import BUDGET_SECONDS
from app.settings import load_settings

QUEUES = {"mails", "enrichment", "upkeep"}


@pytest.fixture(scope="module")
def celery(settings_file: Path) -> TaskQueue:
    create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    return task_queue


@pytest.fixture
def ours(celery: TaskQueue) -> Mapping[str, "Task[..., Any]"]:
    """Every task of the service by its name, without Celery's own."""
    return {name: task for name, task in celery.tasks.items() if not name.startswith("celery.")}


Tasks = Mapping[str, "Task[..., Any]"]


def test_every_module_of_tasks_is_known_to_the_worker(ours: Tasks) -> None:
    modules = {file.stem for file in Path(tasks.__file__).parent.glob("*.py")} - {"__init__"}
    assert {noun_of(task) for task in ours.values()} == modules


def test_every_task_is_named_after_its_module_and_what_it_does(ours: Tasks) -> None:
    for name, task in ours.items():
        noun, _, verb = name.partition(".")
        assert noun == noun_of(task), name
        assert task.__name__.startswith(verb), name


def test_every_task_takes_nothing(ours: Tasks) -> None:
    for name, task in ours.items():
        assert not inspect.signature(task.run).parameters, name


def test_every_task_has_a_route_to_a_queue_that_is_served(celery: TaskQueue, ours: Tasks) -> None:
    assert {queue_for(celery, name) for name in ours} == QUEUES


def test_a_task_without_a_route_can_not_be_called(celery: TaskQueue) -> None:
    with pytest.raises(QueueNotFound):
        queue_for(celery, "outbox.unheard_of")


def test_a_worker_that_is_told_nothing_serves_every_queue(celery: TaskQueue) -> None:
    assert celery.amqp.queues.consume_from.keys() == QUEUES


def test_every_task_ends_in_time(celery: TaskQueue, ours: Tasks) -> None:
    for name, task in ours.items():
        soft = task.soft_time_limit or celery.conf.task_soft_time_limit
        hard = task.time_limit or celery.conf.task_time_limit
        assert BUDGET_SECONDS < soft < hard < PATIENT["visibility_timeout"], name


def test_no_task_is_lost_with_its_worker_or_held_by_a_busy_one(
    celery: TaskQueue, ours: Tasks
) -> None:
    for name, task in ours.items():
        assert (task.acks_late, task.reject_on_worker_lost) == (True, True), name
    assert celery.conf.worker_prefetch_multiplier == 1


def test_no_task_keeps_a_result(ours: Tasks) -> None:
    assert all(task.ignore_result for task in ours.values())


def test_a_worker_waits_for_its_broker_however_long_that_is_away(celery: TaskQueue) -> None:
    assert celery.conf.broker_connection_max_retries is None


def test_what_beat_calls_is_a_task_and_expires_though_not_by_clocks_that_differ_a_little(
    celery: TaskQueue, ours: Tasks
) -> None:
    for entry in celery.conf.beat_schedule.values():
        assert entry["task"] in ours
        assert 15 * 60 <= entry["options"]["expires"] <= 24 * 3600, entry["task"]


def test_whatever_a_wake_may_be_lost_for_is_called_by_beat(celery: TaskQueue, ours: Tasks) -> None:
    assert {entry["task"] for entry in celery.conf.beat_schedule.values()} == ours.keys()


def test_what_is_owed_is_looked_for_every_ten_seconds(celery: TaskQueue) -> None:
    schedule = celery.conf.beat_schedule
    assert [schedule[task]["schedule"] for task in (queue.SEND_MAILS, queue.ENRICH)] == [10, 10]


def test_every_setting_of_celery_has_its_reason_above_it() -> None:
    lines = Path(queue.__file__).read_text().splitlines()
    for name, line in keys_of_configuration().items():
        assert lines[line - 2].lstrip().startswith("# "), name


def noun_of(task: "Task[..., Any]") -> str:
    return task.__module__.rpartition(".")[2]


def queue_for(celery: TaskQueue, name: str) -> str:
    """The name of the queue that this task is called through."""
    found: str = celery.amqp.router.route({}, name)["queue"].name
    return found


def keys_of_configuration() -> dict[str, int]:
    """Each key with its line, from 1."""
    for statement in ast.parse(inspect.getsource(queue)).body:
        if (
            isinstance(statement, ast.AnnAssign)
            and ast.unparse(statement.target) == "CONFIGURATION"
        ):
            assert isinstance(statement.value, ast.Dict)
            keys = [key for key in statement.value.keys if isinstance(key, ast.Constant)]
            assert [key.value for key in keys] == list(CONFIGURATION)
            return {str(key.value): key.lineno for key in keys}
    raise AssertionError
