"""Whom somebody brought: newest first, page by page, for themselves and for admins."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import httpx
import pytest

from tests.endings import Sql
from tests.pages import ids, pages, rows
from tests.people import People, Person, bearer
from tests.problems import assert_problem

OWN = "/referral/referrals"
BAD_LIMITS = ["0", "-1", "101", "1.0", "five", ""]
BAD_CURSORS = ["", "x", "null", "....", "\u00f1", "{}!", "-{}"]
IMPOSSIBLE_IDS = ["0", "-1", "007", "x", "9223372036854775808", "9" * 40, "%00"]

TO_AUTHENTICATE = 1

Statements = Callable[[], AbstractContextManager[list[str]]]


def test_somebody_who_brought_nobody_has_an_empty_list(grace: Person) -> None:
    assert grace.get(OWN).json() == {"referrals": [], "next_cursor": None, "total": 0}


def test_the_total_is_of_those_who_are_there_whatever_became_of_others(
    grace: Person, register: People, sql: Sql
) -> None:
    code = grace.publish()["code"]
    heir, moved, _ = (register(referral_code=code) for _ in range(3))
    assert grace.get(OWN).json()["total"] == 3
    sql("UPDATE referrals SET referrer_id = %s WHERE referee_id = %s", heir.id, moved.id)
    assert (grace.get(OWN).json()["total"], heir.get(OWN).json()["total"]) == (2, 1)
    sql("DELETE FROM referrals")
    assert (grace.get(OWN).json()["total"], heir.get(OWN).json()["total"]) == (0, 0)


def test_a_referral_has_the_fields_of_its_shape(grace: Person, register: People) -> None:
    person = register(referral_code=grace.publish()["code"])
    (referral,) = rows(grace, OWN)
    assert referral.keys() == {"id", "email", "created_at"}
    assert (referral["id"], referral["email"]) == (person.id, person.email)
    assert referral["created_at"].endswith("Z")


def test_the_newest_referral_comes_first(grace: Person, register: People) -> None:
    code = grace.publish()["code"]
    brought = [register(referral_code=code).id for _ in range(3)]
    assert ids(grace, OWN) == brought[::-1]


def test_newest_means_by_when_they_joined(grace: Person, register: People) -> None:
    code = grace.publish()["code"]
    early, late = register(), register()
    for person in (late, early):
        person.post("/referral/activate", {"code": code})
    assert ids(grace, OWN) == [early.id, late.id]


def test_the_people_of_the_people_one_brought_are_not_listed(
    grace: Person, register: People
) -> None:
    ada = register(referral_code=grace.publish()["code"])
    register(referral_code=ada.publish()["code"])
    assert ids(grace, OWN) == [ada.id]


@pytest.mark.parametrize("limit", [1, 3, 8, 9, 10, 100])
def test_pages_of_any_size_hold_everybody_once(grace: Person, sql: Sql, limit: int) -> None:
    brought = bring(grace, 9, sql)
    assert ids(grace, OWN, limit=limit) == brought


@pytest.mark.parametrize("limit", [50, 100])
@pytest.mark.parametrize("count", [99, 100, 101, 230])
def test_long_lists_are_read_whole(grace: Person, sql: Sql, count: int, limit: int) -> None:
    brought = bring(grace, count, sql)
    assert ids(grace, OWN, limit=limit) == brought


def test_a_page_holds_fifty_unless_asked_for_more(grace: Person, sql: Sql) -> None:
    brought = bring(grace, 120, sql)
    assert [person["id"] for person in grace.get(OWN).json()["referrals"]] == brought[:50]


def test_the_total_stands_on_the_first_page_only(grace: Person, sql: Sql) -> None:
    bring(grace, 9, sql)
    assert [page.get("total") for page in pages(grace, OWN, limit=4)] == [9, None, None]
    assert ["total" in page for page in pages(grace, OWN, limit=4)] == [True, False, False]


def test_the_total_counts_more_than_a_page_can_hold(grace: Person, sql: Sql) -> None:
    bring(grace, 230, sql)
    assert grace.get(OWN, limit=1).json()["total"] == 230


@pytest.mark.parametrize("limit", [1, 4])
def test_people_who_join_in_between_move_nothing(
    grace: Person, register: People, sql: Sql, limit: int
) -> None:
    brought = bring(grace, 9, sql)
    code = grace.publish()["code"]
    seen = []
    for page in pages(grace, OWN, limit=limit):
        seen += [person["id"] for person in page["referrals"]]
        register(referral_code=code)
    assert seen == brought


@pytest.mark.parametrize("limit", BAD_LIMITS, ids=ascii)
@pytest.mark.parametrize("path", [OWN, f"{OWN}/1"])
def test_a_limit_that_cannot_be_is_refused(grace: Person, path: str, limit: str) -> None:
    problem = assert_problem(grace.get(path, limit=limit), 422, "validation_error")
    assert problem["errors"].keys() == {"limit"}


@pytest.mark.parametrize("form", BAD_CURSORS, ids=ascii)
@pytest.mark.parametrize("path", [OWN, f"{OWN}/1"])
def test_a_cursor_from_elsewhere_is_refused(grace: Person, sql: Sql, path: str, form: str) -> None:
    bring(grace, 2, sql)
    cursor = form.format(grace.get(OWN, limit=1).json()["next_cursor"])
    problem = assert_problem(grace.get(path, cursor=cursor), 422, "validation_error")
    assert problem["errors"].keys() == {"cursor"}


def test_ones_own_list_is_found_by_ones_id_too(grace: Person, sql: Sql) -> None:
    bring(grace, 3, sql)
    assert grace.get(f"{OWN}/{grace.id}").json() == grace.get(OWN).json()


def test_an_admin_reads_the_lists_of_others(grace: Person, admin: Person, sql: Sql) -> None:
    brought = bring(grace, 9, sql)
    assert ids(admin, f"{OWN}/{grace.id}", limit=4) == brought
    assert admin.get(f"{OWN}/{grace.id}").json() == grace.get(OWN).json()


def test_an_admin_finds_an_empty_list_empty(grace: Person, admin: Person) -> None:
    answer = admin.get(f"{OWN}/{grace.id}").json()
    assert answer == {"referrals": [], "next_cursor": None, "total": 0}


def test_somebody_who_is_no_admin_any_more_reads_only_their_own(
    grace: Person, admin: Person, sql: Sql
) -> None:
    assert admin.get(f"{OWN}/{grace.id}").status_code == 200
    sql("UPDATE users SET is_admin = false")
    assert_problem(admin.get(f"{OWN}/{grace.id}"), 404, "not_found")


def test_an_admin_finds_no_list_of_nobody(admin: Person) -> None:
    assert_problem(admin.get(f"{OWN}/{2**63 - 1}"), 404, "not_found")


def test_somebody_elses_list_is_answered_like_that_of_nobody(
    grace: Person, register: People, http: httpx.Client, sql: Sql
) -> None:
    bring(grace, 3, sql)
    headers = bearer(register().access_token) | {"X-Request-ID": "the-same-for-all"}
    others, nobodys = (http.get(f"{OWN}/{id_}", headers=headers) for id_ in (grace.id, 999_999))
    assert_problem(others, 404, "not_found")
    assert others.content == nobodys.content


@pytest.mark.parametrize("referrer_id", IMPOSSIBLE_IDS)
def test_an_id_that_cannot_be_is_not_found(admin: Person, referrer_id: str) -> None:
    assert_problem(admin.get(f"{OWN}/{referrer_id}"), 404, "not_found")


def test_a_cursor_leads_nobody_to_the_people_of_others(
    grace: Person, register: People, sql: Sql
) -> None:
    bring(grace, 3, sql)
    cursor = grace.get(OWN, limit=1).json()["next_cursor"]
    assert register().get(OWN, cursor=cursor).json() == {"referrals": [], "next_cursor": None}


def test_one_sees_oneself_with_the_newest_fifty(grace: Person, sql: Sql) -> None:
    brought = bring(grace, 60, sql)
    me = grace.get("/auth/me").json()
    assert [person["id"] for person in me["referrals"]] == brought[:50]
    assert me["referrals_count"] == 60


def test_a_list_of_a_hundred_costs_one_statement(
    grace: Person, sql: Sql, statements: Statements
) -> None:
    bring(grace, 100, sql)
    assert cost(statements, lambda: grace.get(OWN, limit=100)) == 1


def test_a_later_page_costs_one_statement(grace: Person, sql: Sql, statements: Statements) -> None:
    bring(grace, 230, sql)
    cursor = grace.get(OWN, limit=100).json()["next_cursor"]
    ask = partial(grace.get, OWN, limit=100, cursor=cursor)
    assert cost(statements, ask) == 1


def test_an_admin_costs_no_statement_for_each_person_either(
    grace: Person, admin: Person, sql: Sql, statements: Statements
) -> None:
    bring(grace, 100, sql)
    ask = partial(admin.get, f"{OWN}/{grace.id}", limit=100)
    assert cost(statements, ask) == TO_AUTHENTICATE + 1


def test_seeing_oneself_costs_one_statement(
    grace: Person, register: People, sql: Sql, statements: Statements
) -> None:
    ada = register(referral_code=grace.publish()["code"])
    bring(ada, 100, sql)
    ada.publish()
    assert cost(statements, lambda: ada.get("/auth/me")) == 1


def test_a_list_of_a_hundred_codes_costs_one_statement(
    grace: Person, statements: Statements
) -> None:
    for _ in range(20):
        grace.publish()
    ask = partial(grace.get, "/referral/codes", limit=100)
    assert cost(statements, ask) == TO_AUTHENTICATE + 1


def test_a_look_up_costs_one_statement(
    grace: Person, http: httpx.Client, statements: Statements
) -> None:
    grace.publish()
    ask = partial(http.get, "/referral/code/by-email", params={"email": grace.email})
    assert cost(statements, ask) == 1


def cost(statements: Statements, ask: Callable[[], httpx.Response]) -> int:
    """How many statements the service runs to answer this."""
    with statements() as ran:
        assert ask().status_code == 200
    return len(ran)


def bring(referrer: Person, count: int, sql: Sql) -> list[int]:
    """Let somebody have brought many people in one moment; gives their ids, newest first."""
    brought = sql(
        """
        WITH people AS (
            INSERT INTO users (email, password_hash)
            SELECT 'person-' || n || '@example.com', '' FROM generate_series(1, %s) AS n
            RETURNING id
        ), by_code AS (
            INSERT INTO codes (user_id, code, is_activated, expires_at)
            VALUES (%s, 'BRINGS-MANY', false, now()) RETURNING id, user_id
        )
        INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
        SELECT people.id, by_code.user_id, by_code.id, 'registration' FROM people, by_code
        RETURNING referee_id
        """,
        count,
        referrer.id,
    )
    return sorted((id_ for (id_,) in brought), reverse=True)


@pytest.fixture
def grace(register: People) -> Person:
    """The first of all, so that her id is 1."""
    return register()


@pytest.fixture
def admin(grace: Person, register: People, sql: Sql) -> Person:
    admin = register()
    sql("UPDATE users SET is_admin = true WHERE id = %s", admin.id)
    return admin
