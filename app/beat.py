"""Beat's schedule, whatever becomes of the clock."""

from time import time
from typing import Any

from celery import beat


class Scheduler(beat.Scheduler):
    """Celery's own, which would call nobody until a clock that was set back has caught up."""

    _seen = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Call for what is due; gives the seconds until something may be due again."""
        now = time()
        if now < self._seen:
            self._plan_anew()
        self._seen = now
        return super().tick(*args, **kwargs)

    def _plan_anew(self) -> None:
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now()
        self._heap = None
