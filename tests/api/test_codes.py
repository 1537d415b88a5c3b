"""Codes are published, shown, withdrawn, brought back and deleted by their owners."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime

import httpx
import psycopg2
import pytest

from app.services import codes
from dev.waiting import wait_until
from tests.endings import Ending, Sql, any_ending, any_ending_without_successor, expire
from tests.holding import WAITING
from tests.people import People, Person
from tests.problems import assert_problem

HOUR = {"lifetime_minutes": 60}
# Whatever else a code may be made of, nobody can take these for each other.
LOOKALIKES = set("0O1IL")
IMPOSSIBLE_IDS = ["0", "-1", "007", "9223372036854775808", "9" * 40, "1%00"]

Request = Callable[[Person], httpx.Response]

ACTIVE_CODE_ROUTES: dict[str, Request] = {
    "show": lambda person: person.get("/referral/code"),
    "change": lambda person: person.patch("/referral/code", HOUR),
    "withdraw": lambda person: person.delete("/referral/code"),
}
any_active_code_route = pytest.mark.parametrize(
    "request_code", ACTIVE_CODE_ROUTES.values(), ids=ACTIVE_CODE_ROUTES
)
any_route_by_id = pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/referral/codes/{}/activate"),
        ("POST", "/referral/codes/{}/deactivate"),
        ("DELETE", "/referral/codes/{}"),
    ],
    ids=["activate", "deactivate", "delete"],
)


def test_a_code_has_the_fields_of_its_shape(owner: Person) -> None:
    assert owner.publish().keys() == {"id", "code", "is_active", "expires_at", "created_at"}


def test_the_code_one_published_is_ones_active_code(owner: Person) -> None:
    published = owner.publish()
    assert published["is_active"]
    assert owner.get("/referral/code").json() == published


def test_codes_have_eight_characters_without_look_alikes(owner: Person) -> None:
    codes = {owner.publish()["code"] for _ in range(12)}
    assert {len(code) for code in codes} == {8}
    assert all(code.isascii() and code.isalnum() and code.isupper() for code in codes)
    assert not LOOKALIKES & set("".join(codes))


def test_no_two_codes_are_the_same(owner: Person) -> None:
    assert len({owner.publish()["code"] for _ in range(12)}) == 12


def test_a_code_that_somebody_has_is_given_to_nobody_else(
    owner: Person, register: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "ALPHABET", "AC")
    monkeypatch.setattr(codes, "LENGTH", 4)
    grace = register()
    # All that there are.
    published = [person.publish()["code"] for _ in range(8) for person in (owner, grace)]
    assert len(set(published)) == 2**4


def test_a_code_dates_from_when_it_was_its_turn(owner: Person, sql: Sql, database_url: str) -> None:
    with closing(psycopg2.connect(database_url)) as holder, ThreadPoolExecutor(1) as background:
        holder.cursor().execute("SELECT FROM users FOR UPDATE")
        published = background.submit(owner.publish)
        wait_until(lambda: sql(WAITING) == [(1,)], "publication that waits", 3)
        ((turn,),) = sql("SELECT clock_timestamp()")
        holder.rollback()
    assert datetime.fromisoformat(published.result()["created_at"]) >= turn


def test_publishing_deactivates_the_code_before(owner: Person) -> None:
    first, second = owner.publish(), owner.publish()
    assert activity(owner) == {first["id"]: False, second["id"]: True}


def test_publishing_leaves_the_codes_of_others_alone(owner: Person, register: People) -> None:
    published = owner.publish()
    register().publish()
    assert owner.get("/referral/code").json() == published


@any_active_code_route
def test_nobody_has_an_active_code_from_the_start(owner: Person, request_code: Request) -> None:
    assert_problem(request_code(owner), 404, "no_active_code")


@any_active_code_route
@any_ending_without_successor
def test_a_code_that_has_ended_is_not_the_active_one(
    owner: Person, sql: Sql, request_code: Request, end: Ending
) -> None:
    end(owner, owner.publish(), sql)
    assert_problem(request_code(owner), 404, "no_active_code")


def test_a_withdrawn_code_stays_in_the_list(owner: Person) -> None:
    code = owner.publish()
    response = owner.delete("/referral/code")
    assert (response.status_code, response.content) == (204, b"")
    assert activity(owner) == {code["id"]: False}


def test_deactivating_by_id_gives_the_inactive_code(owner: Person) -> None:
    code = owner.publish()
    response = owner.post(f"/referral/codes/{code['id']}/deactivate")
    assert (response.status_code, response.json()) == (200, code | {"is_active": False})


def test_deactivating_twice_is_the_same_as_once(owner: Person) -> None:
    path = f"/referral/codes/{owner.publish()['id']}/deactivate"
    assert owner.post(path).json() == owner.post(path).json()


def test_deactivating_an_old_code_leaves_the_active_one_alone(owner: Person) -> None:
    old, active = owner.publish(), owner.publish()
    owner.post(f"/referral/codes/{old['id']}/deactivate")
    assert owner.get("/referral/code").json() == active


def test_activating_brings_an_old_code_back_in_place_of_the_active_one(owner: Person) -> None:
    old, active = owner.publish(), owner.publish()
    response = owner.post(f"/referral/codes/{old['id']}/activate")
    assert (response.status_code, response.json()) == (200, old)
    assert activity(owner) == {old["id"]: True, active["id"]: False}


@pytest.mark.parametrize("body", [None, {}], ids=["no body", "an empty object"])
def test_activating_the_active_code_changes_nothing(owner: Person, body: dict | None) -> None:
    code = owner.publish()
    assert owner.post(f"/referral/codes/{code['id']}/activate", body).json() == code
    assert owner.get("/referral/code").json() == code


def test_activating_can_give_a_new_life(owner: Person) -> None:
    code = owner.publish()
    terms = {"expires_at": "2033-01-31T12:00:00Z"}
    changed = owner.post(f"/referral/codes/{code['id']}/activate", terms).json()
    assert changed == code | terms


def test_an_expired_code_is_not_activated_as_it_is(owner: Person, sql: Sql) -> None:
    code = owner.publish()
    expire(code, sql)
    response = owner.post(f"/referral/codes/{code['id']}/activate")
    assert_problem(response, 409, "code_expired")


def test_an_expired_code_that_is_refused_leaves_the_active_one(owner: Person, sql: Sql) -> None:
    expired, active = owner.publish(), owner.publish()
    expire(expired, sql)
    owner.post(f"/referral/codes/{expired['id']}/activate")
    assert owner.get("/referral/code").json() == active


@pytest.mark.parametrize("terms", [HOUR, {"expires_at": "2033-01-31"}], ids=list[str])
def test_a_new_life_brings_an_expired_code_back(owner: Person, sql: Sql, terms: dict) -> None:
    code = owner.publish()
    expire(code, sql)
    assert owner.post(f"/referral/codes/{code['id']}/activate", terms).json()["is_active"]
    assert owner.get("/referral/code").json()["id"] == code["id"]


def test_a_deleted_code_is_gone_from_the_list(owner: Person) -> None:
    kept, deleted = owner.publish(), owner.publish()
    response = owner.delete(f"/referral/codes/{deleted['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert activity(owner) == {kept["id"]: False}


@any_route_by_id
def test_a_deleted_code_cannot_be_reached(owner: Person, method: str, path: str) -> None:
    code = owner.publish()
    owner.delete(f"/referral/codes/{code['id']}")
    assert_problem(owner.request(method, path.format(code["id"])), 404, "not_found")


@any_ending
def test_a_code_that_has_ended_is_inactive_or_gone(owner: Person, sql: Sql, end: Ending) -> None:
    code = owner.publish()
    end(owner, code, sql)
    assert not activity(owner).get(code["id"])


@any_route_by_id
def test_a_code_of_somebody_else_is_as_if_it_were_not_there(
    owner: Person, register: People, method: str, path: str
) -> None:
    code = owner.publish()
    assert_problem(register().request(method, path.format(code["id"])), 404, "not_found")
    assert owner.get("/referral/code").json() == code


@any_route_by_id
def test_an_expired_code_of_somebody_else_is_not_there_either(
    owner: Person, register: People, sql: Sql, method: str, path: str
) -> None:
    code = owner.publish()
    expire(code, sql)
    assert_problem(register().request(method, path.format(code["id"])), 404, "not_found")


@any_route_by_id
@pytest.mark.parametrize("impossible", IMPOSSIBLE_IDS)
def test_an_id_that_cannot_be_is_not_found(
    owner: Person, method: str, path: str, impossible: str
) -> None:
    assert_problem(owner.request(method, path.format(impossible)), 404, "not_found")


@any_route_by_id
def test_a_code_that_nobody_has_is_not_found(owner: Person, method: str, path: str) -> None:
    assert_problem(owner.request(method, path.format(2**63 - 1)), 404, "not_found")


@pytest.mark.parametrize(
    "body", [{"code": "X"}, {"lifetime_minutes": 0}, HOUR | {"surprise": 1}, {}], ids=str
)
def test_a_refused_publication_leaves_the_active_code(owner: Person, body: dict) -> None:
    code = owner.publish()
    assert_problem(owner.post("/referral/code", body), 422, "validation_error")
    assert owner.get("/referral/code").json() == code


def activity(owner: Person) -> dict[int, bool]:
    """Which of this person's codes are active, by id."""
    codes = owner.get("/referral/codes").json()["codes"]
    return {code["id"]: code["is_active"] for code in codes}


@pytest.fixture
def owner(register: People) -> Person:
    return register()
