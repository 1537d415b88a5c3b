"""The ways in which a code stops working."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.people import Person

Sql = Callable[..., list[tuple[Any, ...]]]
Ending = Callable[[Person, dict[str, Any], Sql], Any]


def expire(code: dict[str, Any], sql: Sql) -> None:
    """Let time pass until a moment after the code's expiry."""
    sql("UPDATE codes SET expires_at = now() - interval '1 second' WHERE id = %s", code["id"])


def _replaced(owner: Person, _code: dict[str, Any], _sql: Sql) -> None:
    owner.publish()


def _withdrawn(owner: Person, _code: dict[str, Any], _sql: Sql) -> None:
    assert owner.delete("/referral/code").status_code == 204


def _deactivated(owner: Person, code: dict[str, Any], _sql: Sql) -> None:
    assert owner.post(f"/referral/codes/{code['id']}/deactivate").status_code == 200


def _deleted(owner: Person, code: dict[str, Any], _sql: Sql) -> None:
    assert owner.delete(f"/referral/codes/{code['id']}").status_code == 204


def _expired(_owner: Person, code: dict[str, Any], sql: Sql) -> None:
    expire(code, sql)


# Those after which its owner has no active code.
WITHOUT_SUCCESSOR: dict[str, Ending] = {
    "expired": _expired,
    "withdrawn": _withdrawn,
    "deactivated": _deactivated,
    "deleted": _deleted,
}
ALL: dict[str, Ending] = WITHOUT_SUCCESSOR | {"replaced": _replaced}

any_ending = pytest.mark.parametrize("end", ALL.values(), ids=ALL)
any_ending_without_successor = pytest.mark.parametrize(
    "end", WITHOUT_SUCCESSOR.values(), ids=WITHOUT_SUCCESSOR
)
