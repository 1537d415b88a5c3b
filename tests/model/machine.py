"""The whole machine, and how to run it."""

from datetime import timedelta

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.model import choices
from tests.model.choices import ADDRESSES, PASSWORDS, WORDINGS, Address, Life
from tests.model.referrals import Referrals
from tests.model.world import World


class Machine(Referrals):
    """All that people do, and what befalls them."""

    @initialize()
    def some_are_there(self) -> None:
        """Somebody with all kinds of codes, two whom they brought, and one whom nobody did."""
        for email in list(ADDRESSES)[:2]:
            self.register(Address(email, email), PASSWORDS[0])
        ada = self.state.sessions[0]
        for wording in WORDINGS[:2]:
            self.publish_a_wording(ada, wording, str.upper, Life(24 * 60, None))
        self.delete((ada, self.state.codes[-1]))
        self.publish(ada, Life(60, None))
        self.refresh(ada, by_oauth=False)
        for _ in range(2):
            self.register_with_a_code(self.state.codes[-1], str.upper)

    @rule(address=choices.addresses, quietly=choices.either)
    def look_up(self, address: Address, quietly: bool) -> None:
        self.views.published(self.state.accounts.get(address.meant), address.written, quietly)

    @rule(minutes=choices.leaps)
    def time_passes(self, minutes: int) -> None:
        self.world.let_pass(minutes)
        self.state.let_pass(timedelta(minutes=minutes))
        self.concerned += self.state.accounts.values()

    @rule(minutes=choices.absences)
    def nobody_comes_for_weeks(self, minutes: int) -> None:
        self.time_passes(minutes)


def run(world: World, examples: int, steps: int, seed: int) -> None:
    """Let the machine live so many lives of so many steps in this world.

    The same seed leads to the same lives. The first step after which the service is not as the
    model says raises, and what is printed then is the shortest life found that comes to it.
    """

    @hypothesis.seed(seed)
    class Seeded(Machine):
        def __init__(self) -> None:
            super().__init__(world)

    budget = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Seeded, settings=budget)
