"""The list of one's own codes, page by page, newest first."""

from typing import Any

import pytest

from tests.endings import Sql
from tests.pages import ids, pages, rows
from tests.people import People, Person
from tests.problems import assert_problem

CODES = "/referral/codes"
BAD_LIMITS = [
    "0",
    "-1",
    "101",
    "1000000",
    "9" * 5000,
    "1.0",
    "1e1",
    "+5",
    " 5",
    "5_0",
    "\u0665",
    "five",
    "",
]
BAD_CURSORS = ["", "x", "0", "null", "'; --", "....", "ñ", "%00", "=", "A" * 5000]


def test_somebody_without_codes_has_an_empty_list(owner: Person) -> None:
    assert owner.get(CODES).json() == {"codes": [], "next_cursor": None}


def test_the_newest_code_comes_first(owner: Person) -> None:
    published = [owner.publish() for _ in range(3)]
    newest, *old = reversed(published)
    assert rows(owner, CODES) == [newest, *(code | {"is_active": False} for code in old)]


def test_nobody_sees_the_codes_of_others(owner: Person, register: People) -> None:
    register().publish()
    assert rows(owner, CODES) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_pages_of_any_size_hold_every_code_once(owner: Person, seven: list, limit: int) -> None:
    assert ids(owner, CODES, limit=limit) == seven


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_every_page_but_the_last_is_full(owner: Person, seven: list, limit: int) -> None:
    sizes = [len(page["codes"]) for page in pages(owner, CODES, limit=limit)]
    assert all(size == limit for size in sizes[:-1])
    assert 0 < sizes[-1] <= limit


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_codes_of_the_same_moment_are_neither_skipped_nor_repeated(
    owner: Person, sql: Sql, limit: int
) -> None:
    expected = publish_at_once(owner, 9, sql)
    assert ids(owner, CODES, limit=limit) == expected


@pytest.mark.parametrize(("limit", "size"), [(None, 50), (100, 100)], ids=["default", "most"])
def test_a_page_is_as_long_as_asked_for(
    owner: Person, sql: Sql, limit: int | None, size: int
) -> None:
    expected = publish_at_once(owner, 120, sql)
    page = owner.get(CODES, **({"limit": limit} if limit else {})).json()
    assert [code["id"] for code in page["codes"]] == expected[:size]


def test_a_code_published_in_between_moves_nothing(owner: Person, seven: list) -> None:
    reading = pages(owner, CODES, limit=2)
    seen = ids_of(next(reading))
    owner.publish()
    seen += [id_ for page in reading for id_ in ids_of(page)]
    assert seen == seven


def test_codes_deleted_in_between_move_nothing(owner: Person, seven: list) -> None:
    reading = pages(owner, CODES, limit=2)
    seen = ids_of(next(reading))
    for id_ in (seven[0], seven[1], seven[3]):
        owner.delete(f"{CODES}/{id_}")
    seen += [id_ for page in reading for id_ in ids_of(page)]
    assert seen == [id_ for id_ in seven if id_ != seven[3]]


def test_a_cursor_leads_nobody_to_the_codes_of_others(
    owner: Person, register: People, seven: list
) -> None:
    cursor = owner.get(CODES, limit=1).json()["next_cursor"]
    assert register().get(CODES, cursor=cursor).json() == {"codes": [], "next_cursor": None}


@pytest.mark.parametrize("limit", BAD_LIMITS, ids=lambda value: ascii(value)[:12])
def test_a_limit_that_cannot_be_is_refused(owner: Person, limit: str) -> None:
    assert_refused(owner, "limit", limit)


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=lambda value: ascii(value)[:12])
def test_a_cursor_from_elsewhere_is_refused(owner: Person, cursor: str) -> None:
    assert_refused(owner, "cursor", cursor)


@pytest.mark.parametrize("damage", ["{}!", " {}", "{}\n", "{}\0", "{}=", "-{}"])
def test_a_damaged_cursor_is_refused(owner: Person, seven: list, damage: str) -> None:
    cursor = owner.get(CODES, limit=1).json()["next_cursor"]
    assert_refused(owner, "cursor", damage.format(cursor))


def assert_refused(owner: Person, name: str, value: str) -> None:
    problem = assert_problem(owner.get(CODES, **{name: value}), 422, "validation_error")
    assert problem["errors"].keys() == {name}


def ids_of(page: dict[str, Any]) -> list[int]:
    return [code["id"] for code in page["codes"]]


def publish_at_once(owner: Person, count: int, sql: Sql) -> list[int]:
    """Publish many codes in one moment; gives their ids, newest first."""
    published = sql(
        """
        INSERT INTO codes (user_id, code, is_activated, expires_at)
        SELECT %s, 'BULK-' || n, false, now() + interval '1 day' FROM generate_series(1, %s) AS n
        RETURNING id
        """,
        owner.id,
        count,
    )
    return sorted((id_ for (id_,) in published), reverse=True)


@pytest.fixture
def owner(register: People) -> Person:
    return register()


@pytest.fixture
def seven(owner: Person) -> list[int]:
    """The ids of seven codes of the owner's, newest first."""
    return [owner.publish()["id"] for _ in range(7)][::-1]
