"""All of it goes at once, as when the power does."""

from tests.chaos.faults.postgres import PostgresFault
from tests.chaos.world import PARTS, World


class Everything(PostgresFault):
    name = "everything is killed"
    how = "SIGKILL to every process at once; a supervisor starts them again"
    recovers_within = may_lose = 60

    def strike(self, world: World) -> None:
        for process in [each for part in PARTS for each in world.processes(part)]:
            process.kill()
