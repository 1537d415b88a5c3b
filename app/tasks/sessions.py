"""Clearing away sessions that have run out."""

from app.extensions import task_queue
from app.queue import DROP_EXPIRED_SESSIONS
from app.services import sessions


@task_queue.task(name=DROP_EXPIRED_SESSIONS)
def drop_expired_sessions() -> None:
    sessions.drop_all_expired()
