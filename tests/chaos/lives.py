"""The model of the API, lived many times in a service of its own, with a progress bar."""

from collections.abc import Mapping

import click

from dev.running import temporary_folder
from tests.chaos.trial import WIDTH
from tests.chaos.world import World
from tests.model import world as model
from tests.model.machine import run

NAME = "the model of the API"
LIVES = 20
TOGETHER = 10
STEPS = 60
# The model empties the tables from life to life, and sends no mails.
ALONE: Mapping[str, str] = dict.fromkeys(("WORKER", "BEAT"), "sleep infinity")


def live(rounds: int) -> list[str]:
    """Hold the service to its model, as often for each round; gives what it broke."""
    with (
        temporary_folder() as folder,
        World(folder, lambda _: ALONE) as world,
        model.World(world.url, world.database, world.setting("REDIS_URL_CACHE")) as tried,
        click.progressbar(range(rounds * LIVES // TOGETHER), label=NAME.ljust(WIDTH)) as seeds,
    ):
        try:
            for seed in seeds:
                run(tried, TOGETHER, STEPS, seed)
        except AssertionError as error:
            return [f"with the seed {seed}: {error}", *getattr(error, "__notes__", [])]
    return []
