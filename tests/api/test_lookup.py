"""Anybody finds a person's active code by their e-mail address."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest

from tests.endings import Ending, Sql, any_ending_without_successor
from tests.people import People, Person
from tests.problems import assert_problem

BY_EMAIL = "/referral/code/by-email"
ADDRESS = "grace@example.com"
REQUEST_ID = {"X-Request-ID": "the-same-for-all"}
BAD_ADDRESSES = ["", " ", "grace", "@example.com", "grace@", "a b@example.com", "grace@@x.org"]

LookUp = Callable[[httpx.Client, str], httpx.Response]
Statements = Callable[[], AbstractContextManager[list[str]]]


def by_get(http: httpx.Client, email: str) -> httpx.Response:
    return http.get(BY_EMAIL, params={"email": email}, headers=REQUEST_ID)


def by_post(http: httpx.Client, email: str) -> httpx.Response:
    return http.post(BY_EMAIL, json={"email": email}, headers=REQUEST_ID)


either_way = pytest.mark.parametrize("look_up", [by_get, by_post])


@either_way
def test_a_stranger_finds_the_active_code(
    http: httpx.Client, grace: Person, look_up: LookUp
) -> None:
    code = grace.publish()
    response = look_up(http, ADDRESS)
    assert response.status_code == 200
    assert response.json() == {"code": code["code"], "expires_at": code["expires_at"]}


@either_way
def test_what_was_found_once_is_found_again(
    http: httpx.Client, grace: Person, look_up: LookUp
) -> None:
    grace.publish()
    assert look_up(http, ADDRESS).json() == look_up(http, ADDRESS).json()


@either_way
@pytest.mark.parametrize("spelling", ["GRACE@EXAMPLE.COM", "Grace@Example.Com"])
def test_any_spelling_of_the_address_finds_the_code(
    http: httpx.Client, grace: Person, look_up: LookUp, spelling: str
) -> None:
    code = grace.publish()
    assert look_up(http, spelling).json()["code"] == code["code"]


@either_way
@pytest.mark.parametrize("spelling", ["ada@b\u00fccher.example", "ada@xn--bcher-kva.example"])
def test_either_form_of_a_domain_finds_the_code(
    http: httpx.Client, register: People, look_up: LookUp, spelling: str
) -> None:
    code = register(email="ada@b\u00fccher.example").publish()
    assert look_up(http, spelling).json()["code"] == code["code"]


@either_way
def test_the_newest_code_is_found(http: httpx.Client, grace: Person, look_up: LookUp) -> None:
    grace.publish()
    newest = grace.publish()
    assert look_up(http, ADDRESS).json()["code"] == newest["code"]


@either_way
def test_nobody_is_given_the_code_of_somebody_else(
    http: httpx.Client, grace: Person, register: People, look_up: LookUp
) -> None:
    grace.publish()
    stranger = register()
    assert_problem(look_up(http, stranger.email), 404, "referral_code_not_found")


@either_way
def test_an_unknown_address_has_no_code(http: httpx.Client, look_up: LookUp) -> None:
    assert_problem(look_up(http, ADDRESS), 404, "referral_code_not_found")


@either_way
@any_ending_without_successor
def test_a_code_that_has_ended_is_answered_like_no_account_byte_for_byte(
    http: httpx.Client, grace: Person, sql: Sql, end: Ending, look_up: LookUp
) -> None:
    end(grace, grace.publish(), sql)
    assert everything(look_up(http, ADDRESS)) == everything(look_up(http, "nobody@example.com"))


@either_way
@any_ending_without_successor
def test_a_code_that_has_ended_is_the_same_work_as_no_account(
    http: httpx.Client,
    grace: Person,
    sql: Sql,
    end: Ending,
    look_up: LookUp,
    statements: Statements,
) -> None:
    end(grace, grace.publish(), sql)
    with statements() as for_known:
        look_up(http, ADDRESS)
    with statements() as for_unknown:
        look_up(http, "nobody@example.com")
    assert for_known == for_unknown
    assert len(for_known) == 1


@either_way
def test_an_account_without_codes_is_answered_like_no_account_byte_for_byte(
    http: httpx.Client, grace: Person, look_up: LookUp
) -> None:
    assert everything(look_up(http, ADDRESS)) == everything(look_up(http, "nobody@example.com"))


def test_the_two_ways_differ_in_nothing(http: httpx.Client, grace: Person) -> None:
    grace.publish()
    assert everything(by_get(http, ADDRESS)) == everything(by_post(http, ADDRESS))
    assert everything(by_get(http, "no@example.com")) == everything(by_post(http, "no@example.com"))


@either_way
def test_an_answer_remembered_is_the_answer_given_first(
    http: httpx.Client, look_up: LookUp
) -> None:
    assert everything(look_up(http, ADDRESS)) == everything(look_up(http, ADDRESS))


@either_way
def test_no_answer_may_be_kept_on_the_way(
    http: httpx.Client, grace: Person, look_up: LookUp
) -> None:
    grace.publish()
    assert look_up(http, ADDRESS).headers["Cache-Control"] == "no-store"


@either_way
@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=ascii)
def test_what_is_no_address_is_refused(http: httpx.Client, look_up: LookUp, address: str) -> None:
    problem = assert_problem(look_up(http, address), 422, "validation_error")
    assert problem["errors"].keys() == {"email"}


@pytest.mark.parametrize("value", [None, 1, True, [], ["grace@example.com"], {}], ids=str)
def test_what_is_no_string_is_refused(http: httpx.Client, value: object) -> None:
    problem = assert_problem(http.post(BY_EMAIL, json={"email": value}), 422, "validation_error")
    assert problem["errors"].keys() == {"email"}


def test_an_address_must_be_given(http: httpx.Client) -> None:
    assert_problem(http.get(BY_EMAIL), 422, "validation_error")
    assert_problem(http.post(BY_EMAIL, json={}), 422, "validation_error")


def everything(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a client sees of an answer but when it was sent, and how often it may still ask."""
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name != "date" and not name.startswith("x-ratelimit-")
    ]
    return response.status_code, response.content, headers


@pytest.fixture
def grace(register: People) -> Person:
    return register(email=ADDRESS)
