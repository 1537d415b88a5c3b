"""`celery -A app.celery worker`, `… beat` and `… flower`: the processes beside the web server."""

import os
import sys
from pathlib import Path
from typing import Any

from celery.signals import worker_init, worker_process_init
from kombu.transport import redis as broker
from redis.exceptions import ConnectionError as BrokerLost

from app import create_app, tasks
from app.extensions import db, task_queue
from app.metrics import FOLDER
from app.queue import PATIENT
from app.settings import SettingsError

__all__ = ["celery", "tasks"]

try:
    _application = create_app()
except SettingsError as error:
    sys.exit(str(error))
celery = task_queue
celery.conf.broker_transport_options = PATIENT


class Channel(broker.Channel):
    """One that tells, in a way that the worker expects, that its connection is gone.

    Without this a worker whose broker is lost while a call is under way ends by an AttributeError
    when it acknowledges the call or gives it back.
    """

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise BrokerLost
        # The stubs leave it out.
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]


broker.Transport.Channel = Channel


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
