"""Celery: how tasks are woken, and how the processes that run them behave.

A task carries nothing but the id of the request that called for it, for the logs. It is a call to
look into the outbox, where everything that is owed stands; so whatever the broker or a worker
loses, the next call, or beat's, makes good.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import Any
from uuid import uuid4

from celery import Celery, Task
from flask import Flask
from kombu import Queue

from app import metrics
from app.logs import attribute_to, request_id
from app.redis import broker

SEND_MAILS = "outbox.send_mails"
ENRICH = "outbox.enrich"
DROP_EXPIRED_SESSIONS = "sessions.drop_expired"

SWEEP_SECONDS = 10
PAUSE_SECONDS = 1.0


def _every(task: str, seconds: int) -> dict[str, Any]:
    # What nobody has taken until then there is enough of. It is told by two clocks, beat's and the
    # worker's, so it is no matter of seconds.
    return {"task": task, "schedule": seconds, "options": {"expires": 3600}}


CONFIGURATION: dict[str, Any] = {
    # Each kind of work has a queue of its own, so that workers can be given one of them.
    "task_routes": {
        SEND_MAILS: {"queue": "mails"},
        ENRICH: {"queue": "enrichment"},
        DROP_EXPIRED_SESSIONS: {"queue": "upkeep"},
    },
    # A worker that is told nothing serves all of these.
    "task_queues": [Queue(name) for name in ("mails", "enrichment", "upkeep")],
    # A task that was given no queue is an error, not one more queue that nobody serves.
    "task_create_missing_queues": False,
    # Nobody asks what became of a call; the outbox tells.
    "task_ignore_result": True,
    # A task ends by itself within 30 s of its last delivery; this ends a mail server that answers a
    # byte at a time.
    "task_soft_time_limit": 60,
    # And this whatever does not listen to the soft limit.
    "task_time_limit": 90,
    # A call is done when the work is, not when somebody has taken it up.
    "task_acks_late": True,
    # The call of a process that is killed goes back, and another takes it up at once.
    "task_reject_on_worker_lost": True,
    # A process that is busy with a slow mail server must not hold calls others could take.
    "worker_prefetch_multiplier": 1,
    # Mails wait for servers, not for processors.
    "worker_concurrency": 4,
    # The broker is waited for at the start as well.
    "broker_connection_retry_on_startup": True,
    # However long it is away.
    "broker_connection_max_retries": None,
    # And when it is there and refuses, as a Redis that is no primary any more does.
    "broker_channel_error_retry": True,
    # What Flower shows.
    "worker_send_task_events": True,
    # No file to keep: what is due is counted from the start of beat, or of a clock set back.
    "beat_scheduler": "app.beat:Scheduler",
    # Makes good whatever nobody was woken for.
    "beat_schedule": {
        SEND_MAILS: _every(SEND_MAILS, SWEEP_SECONDS),
        ENRICH: _every(ENRICH, SWEEP_SECONDS),
        DROP_EXPIRED_SESSIONS: _every(DROP_EXPIRED_SESSIONS, 3600),
    },
}
# A request waits for the broker no longer than for the cache.
HASTY = {
    "socket_timeout": 0.2,
    "socket_connect_timeout": 0.2,
    # One connection that has died meanwhile is replaced at once; a server that is gone is not
    # waited for.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}
# A worker waits, but not for ever: a broker that is frozen is given up and connected to anew.
PATIENT = {"socket_timeout": 15, "socket_connect_timeout": 5, "visibility_timeout": 300}

log = logging.getLogger(__name__)


class TaskCrashed(Exception):
    """What Celery is told of an error in a task, since it repeats what it is told."""


class TaskQueue(Celery):
    """Celery with the application around each task."""

    def __init__(self) -> None:
        super().__init__("referral", task_cls=self._task_class())
        self._asleep_until = 0.0

    def init_app(self, app: Flask) -> None:
        """Use the broker of this application; nothing is connected yet."""
        self._flask = app
        self.conf.update(CONFIGURATION | broker(app.config["REDIS_URL_BROKER"], HASTY))

    def wake(self, task: str) -> None:
        """Have a worker run this task soon. Without a broker, beat's call does it later."""
        if monotonic() < self._asleep_until:
            return
        try:
            self.send_task(task, retry=False, headers={"request_id": request_id()})
        # What is committed is acknowledged, whatever becomes of a broker that dies at this moment.
        except Exception as error:
            # So that a frozen broker costs a few requests its time-out, not every one.
            self._asleep_until = monotonic() + PAUSE_SECONDS
            metrics.part_failures.labels(part="broker").inc()
            log.warning("The broker does not answer: %s", type(error.__cause__ or error).__name__)

    def _task_class(self) -> type["Task[..., Any]"]:
        queue = self

        # Of a class from outside there is nothing to subscript when the program runs.
        class InApplication(Task):  # type: ignore[type-arg]
            throws = (TaskCrashed,)

            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                # What beat calls for has an id of its own.
                attribute_to(self.request.get("request_id") or uuid4().hex)
                try:
                    with queue._flask.app_context(), _crash_logged(self.name), _timed(self.name):
                        return self.run(*args, **kwargs)
                finally:
                    attribute_to(None)

        return InApplication


@contextmanager
def _crash_logged(task: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.error("Task %s crashed", task, exc_info=error)
        raise TaskCrashed(type(error).__name__) from None


@contextmanager
def _timed(task: str) -> Iterator[None]:
    started, outcome = perf_counter(), "failed"
    try:
        yield
        outcome = "done"
    finally:
        metrics.task_seconds.labels(task=task, outcome=outcome).observe(perf_counter() - started)
