"""What was true when a request began to wait need not be true when it goes on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from dev.waiting import wait_until
from tests.deployed.together import outcome
from tests.deployed.waiting import PERSON, waiting_for
from tests.people import People, Person

pytestmark = pytest.mark.xdist_group("concurrency")

Sql = Callable[..., list[tuple[Any, ...]]]

OWNERS: dict[str, tuple[str, str, Any]] = {
    "activate": ("POST", "/referral/codes/{}/activate", None),
    "change": ("PATCH", "/referral/code", {"lifetime_minutes": 60}),
    "withdraw": ("DELETE", "/referral/code", None),
}
REFUSALS = {
    "activate": "409 code_expired",
    "change": "404 no_active_code",
    "withdraw": "404 no_active_code",
}


@pytest.mark.parametrize("what", OWNERS)
def test_a_code_that_runs_out_while_its_owner_waits_is_over(
    register: People, sql: Sql, database_url: str, what: str
) -> None:
    owner = register()
    id_ = owner.publish()["id"]
    method, path, body = OWNERS[what]
    send = partial(owner.request, method, path.format(id_), json=body)
    assert after_expiry(owner, send, sql, database_url) == REFUSALS[what]


def test_a_code_that_runs_out_while_somebody_waits_to_join_is_over(
    register: People, sql: Sql, database_url: str
) -> None:
    owner, referee = register(), register()
    join = partial(referee.post, "/referral/activate", {"code": owner.publish()["code"]})
    code_of_owner = f"SELECT FROM codes WHERE user_id = {owner.id} FOR UPDATE"
    outcome_ = after_expiry(owner, join, sql, database_url, lock=code_of_owner)
    assert outcome_ == "422 referral_code_invalid"


def after_expiry(
    owner: Person, send: Callable[[], httpx.Response], sql: Sql, database_url: str, lock: str = ""
) -> str:
    """Hold the request up until the owner's code has run out."""
    sql("UPDATE codes SET expires_at = now() + interval '1.5 s' WHERE user_id = %s", owner.id)
    with waiting_for(lock or PERSON.format(owner.id), database_url, send) as waiting:
        over = "SELECT expires_at < clock_timestamp() FROM codes WHERE user_id = %s"
        wait_until(lambda: sql(over, owner.id)[0][0], "expiry", seconds=5)
        waiting.let_go()
        return outcome(waiting.answer.result())
