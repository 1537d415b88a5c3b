"""A person joins the owner of a code: at registration or after it, once, and never wrongly."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.endings import Ending, Sql, any_ending
from tests.pages import ids
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem

BAD_FORMS = [
    "",
    " ",
    "ABC",
    "A" * 33,
    "A" * 60_000,
    "NOBODYS-CODE",
    "\u00c4\u00d6\u00dc-2030",
    "GRACE\0",
    "' OR true; --",
    "{}\n",
    " {}",
    "{}-",
]
BAD_TYPES = [None, True, 7, ["GRACE-2030"], {"code": "GRACE-2030"}]
NEWCOMER = "newcomer@example.com"

Join = Callable[[str], httpx.Response]


def test_a_person_joins_at_registration(grace: Person, register: People) -> None:
    person = register(referral_code=grace.publish()["code"])
    assert referrer_of(person) == {"id": grace.id, "email": grace.email}
    assert ids(grace, "/referral/referrals") == [person.id]


def test_a_person_joins_after_registration(grace: Person, ada: Person) -> None:
    response = ada.post("/referral/activate", {"code": grace.publish()["code"]})
    referrer = {"id": grace.id, "email": grace.email}
    assert (response.status_code, response.json()) == (200, {"referrer": referrer})
    assert referrer_of(ada) == referrer
    assert ids(grace, "/referral/referrals") == [ada.id]


def test_a_person_who_joined_nobody_has_no_referrer(grace: Person, ada: Person) -> None:
    grace.publish()
    assert referrer_of(ada) is None


@pytest.mark.parametrize("spelling", [str.lower, str.title, str.swapcase])
def test_a_code_is_read_without_regard_to_case(
    grace: Person, join: Join, spelling: Callable[[str], str]
) -> None:
    code = grace.publish(code="GRACE-2030")["code"]
    assert join(spelling(code)).is_success
    assert len(ids(grace, "/referral/referrals")) == 1


@pytest.mark.parametrize("form", BAD_FORMS, ids=lambda value: ascii(value)[:16])
def test_what_is_no_code_cannot_be_used(grace: Person, join: Join, form: str) -> None:
    code = form.format(grace.publish()["code"])
    assert_problem(join(code), 422, "referral_code_invalid")


@pytest.mark.parametrize("value", BAD_TYPES, ids=str)
def test_what_is_no_string_is_refused(join: Join, value: Any) -> None:
    assert join(value).status_code == 422


@any_ending
def test_a_code_that_has_ended_cannot_be_used(
    grace: Person, sql: Sql, join: Join, end: Ending
) -> None:
    code = grace.publish()
    end(grace, code, sql)
    assert_problem(join(code["code"]), 422, "referral_code_invalid")
    assert ids(grace, "/referral/referrals") == []


@any_ending
def test_no_account_is_made_with_a_code_that_has_ended(
    grace: Person, sql: Sql, http: httpx.Client, end: Ending
) -> None:
    code = grace.publish()
    end(grace, code, sql)
    sign_up(http, code["code"])
    assert sql("SELECT email FROM users") == [(grace.email,)]


def test_an_address_is_free_after_a_refused_code(http: httpx.Client, register: People) -> None:
    sign_up(http, "NOBODYS-CODE")
    assert register(email=NEWCOMER).email == NEWCOMER


@any_ending
def test_a_code_that_has_ended_and_is_taken_again_can_be_used(
    grace: Person, sql: Sql, join: Join, end: Ending
) -> None:
    end(grace, grace.publish(code="GRACE-2030"), sql)
    grace.publish(code="GRACE-2030")
    assert join("GRACE-2030").is_success
    assert len(ids(grace, "/referral/referrals")) == 1


def test_nobody_joins_a_second_referrer(grace: Person, hopper: Person, ada: Person) -> None:
    first, second = (referrer.publish()["code"] for referrer in (grace, hopper))
    ada.post("/referral/activate", {"code": first})
    assert_problem(ada.post("/referral/activate", {"code": second}), 409, "already_referred")
    assert referrer_of(ada) == {"id": grace.id, "email": grace.email}
    assert ids(hopper, "/referral/referrals") == []


def test_nobody_joins_the_same_referrer_twice(grace: Person, register: People) -> None:
    code = grace.publish()["code"]
    person = register(referral_code=code)
    assert_problem(person.post("/referral/activate", {"code": code}), 409, "already_referred")
    assert ids(grace, "/referral/referrals") == [person.id]


def test_nobody_joins_themselves(grace: Person) -> None:
    own = grace.publish()["code"]
    assert_problem(grace.post("/referral/activate", {"code": own}), 422, "self_referral")
    assert referrer_of(grace) is None


def test_nobody_joins_somebody_who_came_later(grace: Person, ada: Person) -> None:
    code = ada.publish()["code"]
    response = grace.post("/referral/activate", {"code": code})
    assert_problem(response, 422, "referrer_joined_later")
    assert referrer_of(grace) is None


def test_two_people_cannot_join_each_other(grace: Person, register: People) -> None:
    ada = register(referral_code=grace.publish()["code"])
    response = grace.post("/referral/activate", {"code": ada.publish()["code"]})
    assert_problem(response, 422, "referrer_joined_later")


def test_a_refusal_leaves_a_person_free_to_join(grace: Person, ada: Person) -> None:
    ada.post("/referral/activate", {"code": "NOBODYS-CODE"})
    ada.post("/referral/activate", {"code": ada.publish()["code"]})
    assert ada.post("/referral/activate", {"code": grace.publish()["code"]}).is_success


@any_ending
def test_a_referral_outlives_its_code(
    grace: Person, register: People, sql: Sql, end: Ending
) -> None:
    code = grace.publish()
    person = register(referral_code=code["code"])
    end(grace, code, sql)
    assert referrer_of(person) == {"id": grace.id, "email": grace.email}
    assert ids(grace, "/referral/referrals") == [person.id]


@any_ending
def test_a_referral_says_for_ever_which_code_it_came_by(
    grace: Person, join: Join, sql: Sql, end: Ending
) -> None:
    code = grace.publish()
    join(code["code"])
    end(grace, code, sql)
    by_code = "SELECT code FROM referrals JOIN codes ON codes.id = code_id"
    assert sql(by_code) == [(code["code"],)]


def test_a_referral_says_how_it_came_about(grace: Person, ada: Person, sql: Sql) -> None:
    code = grace.publish()["code"]
    ada.post("/referral/activate", {"code": code})
    assert sql("SELECT joined_by FROM referrals") == [("activation",)]


def test_a_code_must_be_given(ada: Person) -> None:
    problem = assert_problem(ada.post("/referral/activate", {}), 422, "validation_error")
    assert problem["errors"].keys() == {"code"}


def test_people_may_join_a_chain(register: People) -> None:
    people = [register()]
    for _ in range(4):
        people.append(register(referral_code=people[-1].publish()["code"]))
    referrers = [referrer_of(person)["id"] for person in people[1:]]
    assert referrers == [person.id for person in people[:-1]]


def sign_up(http: httpx.Client, code: Any) -> httpx.Response:
    body = {"email": NEWCOMER, "password": PASSWORD, "referral_code": code}
    return http.post("/auth/register", json=body)


def referrer_of(person: Person) -> Any:
    return person.get("/auth/me").json()["referrer"]


@pytest.fixture
def grace(register: People) -> Person:
    """The first of all."""
    return register(email="grace@example.com")


@pytest.fixture
def hopper(grace: Person, register: People) -> Person:
    """Somebody who came after Grace."""
    return register()


@pytest.fixture
def ada(hopper: Person, register: People) -> Person:
    """Somebody who came after the others."""
    return register()


@pytest.fixture(params=["registration", "activation"])
def join(
    request: pytest.FixtureRequest, grace: Person, http: httpx.Client, register: People
) -> Join:
    """Presents a code in either way, as somebody who came after Grace."""
    if request.param == "registration":
        return lambda code: sign_up(http, code)
    ada = register()
    return lambda code: ada.post("/referral/activate", {"code": code})
