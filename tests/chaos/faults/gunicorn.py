"""gunicorn loses a worker, reloads, and ends."""

import signal

from dev.waiting import wait_until
from tests.chaos.fault import Fault
from tests.chaos.world import World

IN_FLIGHT_SECONDS = 0.2
# Old workers wait for gunicorn's timeout at most until new ones serve, then for its
# graceful_timeout at most until nobody is being served.
RELOAD_SECONDS = 45


class WorkerKilled(Fault):
    name = "gunicorn: a worker is killed"
    how = "SIGKILL"
    recovers_within = 0
    may_lose = IN_FLIGHT_SECONDS

    def strike(self, world: World) -> None:
        world.processes("web")[1].kill()


class Reloads(Fault):
    name = "gunicorn: reloads"
    how = "HUP"
    is_felt = False
    recovers_within = 0

    def strike(self, world: World) -> None:
        before = {process.pid for process in world.processes("web")[1:]}
        world.part("web").send_signal(signal.SIGHUP)
        wait_until(
            lambda: not before & {each.pid for each in world.processes("web")},
            "new workers",
            RELOAD_SECONDS,
        )


class Ends(Fault):
    name = "gunicorn: ends"
    how = "TERM; its supervisor starts it again"
    recovers_within = 30
    may_lose = 30

    def strike(self, world: World) -> None:
        world.part("web").terminate()
