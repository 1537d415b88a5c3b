"""What Celery runs. Each task calls a service."""

from app.tasks import outbox, sessions

__all__ = ["outbox", "sessions"]
