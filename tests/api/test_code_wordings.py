"""A wording of one's own: what it may be, and whose it is for ever."""

import httpx
import pytest

from tests.endings import Ending, Sql, any_ending
from tests.pages import rows
from tests.people import People, Person
from tests.problems import assert_problem

HOUR = {"lifetime_minutes": 60}
BAD_WORDINGS = [
    "",
    "ABC",
    "A" * 33,
    "A" * 60_000,
    "ADA 2030",
    " ADA2030",
    "ADA2030 ",
    "ADA2030\n",
    "ADA_2030",
    "ADA.2030",
    "ADA\0030",
    "ADÄ2030",
    "ADA\uff12\uff10\uff13\uff10",
    "ADA\u0662\u0660\u0663\u0660",
    # Some readings without regard to case take these for S, I and K.
    "a\u017f\u017fets",
    "m\u0131n\u0131mal",
    "\u212aelvin",
    "ADA\u20132030",
    "'); --",
    None,
    True,
    2030,
    ["ADA-2030"],
    {"code": "ADA-2030"},
]


@pytest.mark.parametrize("wording", ["ABCD", "7777", "A-B-", "----", "Z" * 32], ids=str)
def test_letters_digits_and_hyphens_make_a_wording(ada: Person, wording: str) -> None:
    assert ada.publish(code=wording)["code"] == wording


def test_a_wording_is_kept_in_capitals(ada: Person) -> None:
    assert ada.publish(code="ada-Lovelace-1815")["code"] == "ADA-LOVELACE-1815"


@pytest.mark.parametrize("wording", BAD_WORDINGS, ids=lambda value: ascii(value)[:20])
def test_anything_else_makes_none(ada: Person, wording: object) -> None:
    problem = assert_problem(take(ada, wording), 422, "validation_error")
    assert problem["errors"].keys() == {"code"}


def test_a_wording_somebody_uses_is_taken(ada: Person, grace: Person) -> None:
    ada.publish(code="ADA-2030")
    assert_problem(take(grace, "ADA-2030"), 409, "code_taken")


@pytest.mark.parametrize("wording", ["ada-2030", "Ada-2030"])
def test_a_wording_is_taken_in_small_letters_too(ada: Person, grace: Person, wording: str) -> None:
    ada.publish(code="ADA-2030")
    assert_problem(take(grace, wording), 409, "code_taken")


@any_ending
def test_a_wording_never_passes_to_another_person(
    ada: Person, grace: Person, sql: Sql, end: Ending
) -> None:
    end(ada, ada.publish(code="ADA-2030"), sql)
    assert_problem(take(grace, "ADA-2030"), 409, "code_taken")


def test_a_code_that_was_made_for_somebody_is_theirs_for_ever(ada: Person, grace: Person) -> None:
    code = ada.publish()
    ada.delete(f"/referral/codes/{code['id']}")
    assert_problem(take(grace, code["code"].lower()), 409, "code_taken")


def test_a_taken_wording_leaves_ones_active_code(ada: Person, grace: Person) -> None:
    ada.publish(code="ADA-2030")
    active = grace.publish()
    take(grace, "ADA-2030")
    assert grace.get("/referral/code").json() == active


def test_a_refused_taking_leaves_the_code_to_its_owner(ada: Person, grace: Person) -> None:
    active = ada.publish(code="ADA-2030")
    take(grace, "ADA-2030")
    assert ada.get("/referral/code").json() == active


@any_ending
def test_its_owner_may_take_a_wording_again(ada: Person, sql: Sql, end: Ending) -> None:
    end(ada, ada.publish(code="ADA-2030"), sql)
    again = ada.publish(code="ADA-2030", lifetime_minutes=90)
    assert again["is_active"]
    assert ada.get("/referral/code").json() == again


@any_ending
def test_a_wording_taken_again_is_listed_once(ada: Person, sql: Sql, end: Ending) -> None:
    end(ada, ada.publish(code="ADA-2030"), sql)
    again = ada.publish(code="ada-2030")
    listed = [code for code in rows(ada, "/referral/codes") if code["code"] == "ADA-2030"]
    assert listed == [again]


def test_taking_the_active_wording_again_gives_it_a_new_life(ada: Person) -> None:
    ada.publish(code="ADA-2030")
    terms = {"code": "ADA-2030", "expires_at": "2033-01-31T12:00:00Z"}
    again = ada.publish(**terms)
    assert again == again | terms | {"is_active": True}


def take(person: Person, wording: object) -> httpx.Response:
    return person.post("/referral/code", HOUR | {"code": wording})


@pytest.fixture
def grace(register: People) -> Person:
    return register()


def test_a_wording_taken_again_keeps_its_place_in_the_list(ada: Person) -> None:
    first = ada.publish(code="FIRST")
    ada.publish(code="SECOND")
    again = ada.publish(code="FIRST")
    assert (again["id"], again["created_at"]) == (first["id"], first["created_at"])
    codes = ada.get("/referral/codes").json()["codes"]
    assert [code["code"] for code in codes] == ["SECOND", "FIRST"]
