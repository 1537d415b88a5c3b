"""The service does what a model of its contract does, whatever people do and in whichever order."""

from collections.abc import Iterator

import pytest

from tests.model.machine import run
from tests.model.world import World


def test_the_service_is_as_the_model_says(world: World) -> None:
    run(world, examples=11, steps=40, seed=1815)


@pytest.fixture
def world(base_url: str, database_url: str, redis_url: str) -> Iterator[World]:
    with World(base_url, database_url, redis_url) as world:
        yield world
