"""The service with a promise broken, to see whether anybody notices."""

import os
import subprocess
import sys
from typing import Any

from flask import Flask

from dev.waiting import wait_until

MIGRATE = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]


def mail_before_commit() -> Flask:
    """Mails are owed at once, whatever becomes of what they tell of."""
    from app import create_app
    from app.extensions import db, task_queue
    from app.models import Delivery
    from app.services import outbox

    def put(kind: str, task: str, **payload: Any) -> None:
        with db.engine.begin() as connection:
            connection.execute(Delivery.__table__.insert().values(kind=kind, payload=payload))
        task_queue.wake(task)

    outbox.put = put
    return create_app()


def no_rotation() -> Flask:
    """A refresh token may be used again and again."""
    from app import create_app
    from app.services import sessions

    sessions._spend = lambda _: True
    return create_app()


def main(application: str) -> None:
    """Migrate, then become gunicorn, as `make run` does."""
    wait_until(lambda: subprocess.run(MIGRATE).returncode == 0, "PostgreSQL", 60)
    address = f"127.0.0.1:{os.environ['PORT']}"
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", address]
    os.execv(sys.executable, [*gunicorn, f"{__spec__.name}:{application}()"])


if __name__ == "__main__":
    main(sys.argv[1])
