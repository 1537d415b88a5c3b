"""Beat's schedule, whatever becomes of the clock."""

from typing import Any

from celery import beat


class Scheduler(beat.Scheduler):
    """Celery's own, which would call nobody until a clock that was set back has caught up."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Call for what is due; gives the seconds until something may be due again."""
        if any(map(_ran_in_the_future, self.schedule.values())):
            self._plan_anew()
        return super().tick(*args, **kwargs)

    def _plan_anew(self) -> None:
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now()
        self._heap = None


def _ran_in_the_future(entry: beat.ScheduleEntry) -> bool:
    return bool(entry.last_run_at and entry.last_run_at > entry.default_now())


class PersistentScheduler(Scheduler, beat.PersistentScheduler):
    """The same with a file, by which one can tell from outside that beat is at work."""
