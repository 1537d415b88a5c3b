"""What holds while things break must hold while nothing does."""

from tests.chaos.fault import Fault
from tests.chaos.world import World


class Nothing(Fault):
    name = "nothing breaks"
    how = "the same clients, left alone"
    before = 300
    recovers_within = 0
    is_felt = False

    def strike(self, _: World) -> None:
        pass
