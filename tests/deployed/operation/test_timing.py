"""How long an answer takes does not tell who has an account, nor what has become of a code."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.services.passwords import hash_password
from tests.deployed.service import Service
from tests.deployed.telling_apart import (
    PAIRS,
    WARM_UP,
    Ask,
    area_under_curve,
    look_up,
    mann_whitney,
    post,
)
from tests.endings import Sql

pytestmark = pytest.mark.xdist_group("timing")

ENOUGH = PAIRS + WARM_UP
LOG_IN = post("/auth/login", password="a wrong password")
RESET = post("/auth/reset_password")
QUIET_LOOK_UP = post("/referral/code/by-email")
# What `codes` has for each user, if anything.
WITHOUT_A_CODE = {
    "no code": None,
    "expired": "true, now() - interval '1 hour', NULL",
    "deactivated": "false, now() + interval '1 hour', NULL",
    "deleted": "false, now() + interval '1 hour', now()",
}
ACTIVE = "true, now() + interval '1 hour', NULL"


def test_a_wrong_password_takes_as_long_whether_there_is_an_account(
    service: Service, sql: Sql
) -> None:
    assert_alike(service, LOG_IN, 401, accounts(sql))


def test_to_ask_for_a_reset_takes_as_long_whether_there_is_an_account(
    service: Service, sql: Sql
) -> None:
    assert_alike(service, RESET, 202, accounts(sql))


@pytest.mark.parametrize("ask", [look_up, QUIET_LOOK_UP], ids=["GET", "POST"])
@pytest.mark.parametrize("code", WITHOUT_A_CODE.values(), ids=WITHOUT_A_CODE)
def test_to_find_no_code_takes_as_long_whether_there_is_an_account(
    service: Service, sql: Sql, ask: Ask, code: str | None
) -> None:
    assert_alike_twice(service, ask, accounts(sql, code))


def test_to_find_no_code_takes_as_long_where_there_is_one_that_nobody_verified(
    strict_service: Service, sql: Sql
) -> None:
    assert_alike_twice(strict_service, look_up, accounts(sql, ACTIVE))


def test_what_takes_longer_is_told_apart(service: Service, sql: Sql) -> None:
    """Or whatever is measured here would pass."""
    known = addresses()
    area_under_curve(service.port, look_up, 404, known, known)
    assert area_under_curve(service.port, look_up, 404, known, addresses()) > 0.7


@pytest.mark.parametrize(
    ("ones", "others", "area"),
    [([1, 2], [3, 4], 1), ([3, 4], [1, 2], 0), ([1, 3], [2, 2], 0.5), ([1], [1], 0.5)],
)
def test_the_area_under_the_curve_is_that_of_the_textbook(
    ones: list[float], others: list[float], area: float
) -> None:
    assert mann_whitney(ones, others) == area


def assert_alike_twice(service: Service, ask: Ask, known: list[str]) -> None:
    """When asked for the first time, and again, out of what is remembered."""
    unknown = addresses()
    for _ in range(2):
        area = area_under_curve(service.port, ask, 404, known, unknown)
        assert 0.45 < area < 0.55


def assert_alike(service: Service, ask: Ask, status: int, known: list[str]) -> None:
    area = area_under_curve(service.port, ask, status, known, addresses())
    assert 0.45 < area < 0.55


def accounts(sql: Sql, code: str | None = None) -> list[str]:
    """Addresses that have an account, and such a code if any is given."""
    known = addresses()
    sql(
        "INSERT INTO users (email, password_hash) SELECT unnest(%s), %s",
        known,
        hash_password("the right password"),
    )
    if code:
        sql(
            "INSERT INTO codes (user_id, code, is_activated, expires_at, deleted_at)"
            f" SELECT id, 'CODE-' || id, {code} FROM users"
        )
    for table in ("users", "codes"):
        sql(f"ANALYZE {table}")
    return known


def addresses() -> list[str]:
    """As many as are asked for, all of one length, in no order."""
    return [f"{uuid4().hex}@example.com" for _ in range(ENOUGH)]


@pytest.fixture(scope="module")
def strict_service(
    settings_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """One where only the verified are found."""
    folder = tmp_path_factory.mktemp("strict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFERRAL_REQUIRE_VERIFIED_EMAIL", "true")
        service = Service(settings_file, folder)
    with service:
        yield service
