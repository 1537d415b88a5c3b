"""`make chaos` notices when a promise is broken."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

from app.models.codes import ONE_ACTIVATED
from dev.running import temporary_folder
from tests.chaos import sabotage
from tests.chaos.faults.nothing import Nothing
from tests.chaos.faults.resources import SLOWLY
from tests.chaos.rounds import play
from tests.chaos.world import Change, World


def test_nothing_is_wrong_with_the_service_as_it_is() -> None:
    assert wrong() == []


def test_it_is_noticed_that_one_may_have_two_active_codes() -> None:
    found = wrong(f"DROP INDEX {ONE_ACTIVATED}")
    assert f"{ONE_ACTIVATED} does not keep anything from happening" in found


def test_it_is_noticed_that_mails_are_owed_before_what_they_tell_is_true() -> None:
    found = wrong("SELECT", with_web(sabotage.mail_before_commit), SLOWLY)
    assert any("was sent as 0 mails" in each for each in found)


def test_it_is_noticed_that_a_refresh_token_works_twice() -> None:
    found = wrong("SELECT", with_web(sabotage.no_rotation))
    assert any("that was used up gives 200" in each for each in found)


def wrong(statement: str = "SELECT", *changes: Change) -> list[str]:
    """What a round finds, in which nothing breaks but what these have broken before."""
    with temporary_folder() as folder, World(folder, *changes) as world:
        world.sql(statement)
        return play(Nothing(), world, "r1", folder, lambda _: None).faults


def with_web(application: Callable[[], Any]) -> Change:
    """Have gunicorn serve another application."""
    command = [sys.executable, "-m", sabotage.__name__, application.__name__]
    return lambda _: {"WEB": shlex.join(command)}
