"""`celery -A app.celery worker`, `… beat` and `… flower`: the processes beside the web server."""

import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from billiard.util import get_logger as get_pool_logger
from celery.apps import worker
from celery.signals import setup_logging, worker_init, worker_process_init
from kombu.transport import redis as transports
from kombu.transport import virtual
from redis.exceptions import ConnectionError as BrokerLost

from app import create_app, tasks
from app.extensions import db, task_queue
from app.logs import formatter
from app.metrics import FOLDER
from app.queue import PATIENT
from app.redis import PrimaryConnection, broker
from app.settings import SettingsError

__all__ = ["celery", "tasks"]

try:
    _application = create_app()
except SettingsError as error:
    sys.exit(str(error))
celery = task_queue
celery.conf.update(broker(_application.config["REDIS_URL_BROKER"], PATIENT))


class Forgiving(transports.QoS):
    """One that has room again for a call whose acknowledgement was lost.

    A worker takes so many calls at a time, and without this one that a frozen broker did not let it
    acknowledge would be among them for ever; after four of them it would take no more. The broker
    gives such a call again, when its time is up.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        finally:
            virtual.QoS.ack(self, delivery_tag)


class Forthright(transports.Channel):
    """One that tells, in a way that the worker expects, that its connection is gone.

    Without this a worker whose broker is lost while a call is under way ends by an AttributeError
    when it acknowledges the call or gives it back.
    """

    QoS = Forgiving

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise BrokerLost
        # The stubs leave it out.
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]


class ForthrightOfSentinels(Forthright, transports.SentinelChannel):
    connection_class = PrimaryConnection


transports.Transport.Channel = Forthright
transports.SentinelTransport.Channel = ForthrightOfSentinels


def say(words: str, file: TextIO) -> None:
    """Write what Celery says of its own end as a line like all others.

    It says so while it handles a signal, when nothing may wait for a lock.
    """
    record = logging.LogRecord("celery", logging.INFO, __file__, 0, words, (), None)
    line = formatter(_application.config["DEVELOPMENT"]).format(record)
    os.write(file.fileno(), f"{line}\n".encode())


# The stubs leave it out.
worker.safe_say = say  # type: ignore[attr-defined]


@setup_logging.connect
def keep_our_logs(loglevel: int, **_: Any) -> None:
    """Have Celery write as everything else does, as much as `--loglevel` says."""
    logging.getLogger("celery").setLevel(loglevel)
    # Which tells of processes that were lost.
    get_pool_logger().propagate = True


@worker_init.connect
def count_apart(sender: Any, **_: Any) -> None:
    """Count in a folder of this worker's own, within the one that /metrics adds up.

    It goes on where the last run ended: in a sum of several workers a count that begins anew would
    be read as if all of them did.
    """
    if FOLDER in os.environ:
        folder = Path(os.environ[FOLDER]) / sender.hostname
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[FOLDER] = str(folder)


@worker_process_init.connect
def connect_anew(**_: Any) -> None:
    """Share no database connection with the process that was forked."""
    with _application.app_context():
        db.engine.dispose(close=False)
