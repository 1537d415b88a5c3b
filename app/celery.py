"""`celery -A app.celery worker`, `… beat` and `… flower`: the processes beside the web server."""

import os
from pathlib import Path
from shutil import rmtree
from typing import Any

from celery.signals import worker_init, worker_process_init

from app import create_app, tasks
from app.extensions import db, task_queue
from app.metrics import FOLDER
from app.queue import PATIENT

__all__ = ["celery", "tasks"]

_application = create_app()
celery = task_queue
celery.conf.broker_transport_options = PATIENT


@worker_init.connect
def count_apart(sender: Any, **_: Any) -> None:
    """Count in a folder of this worker's own, within the one that /metrics adds up."""
    if FOLDER in os.environ:
        folder = Path(os.environ[FOLDER]) / sender.hostname
        # What an earlier run left there would be counted again.
        rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.environ[FOLDER] = str(folder)


@worker_process_init.connect
def connect_anew(**_: Any) -> None:
    """Share no database connection with the process that was forked."""
    with _application.app_context():
        db.engine.dispose(close=False)
