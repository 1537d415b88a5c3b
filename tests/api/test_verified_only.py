"""Where a deployment asks for it, only the verified publish a code and are found by e-mail."""

from collections.abc import Callable

import httpx
import pytest
from flask import Flask

from app.extensions import db
from tests.api.test_lookup import LookUp, Statements, either_way, everything
from tests.holding import held_after, losing_commits
from tests.inbox import Inbox
from tests.mailed_links import VERIFY_PAGE, verify
from tests.people import People, Person
from tests.problems import assert_problem

Ask = Callable[[Person, int], httpx.Response]

BY_EMAIL = "/referral/code/by-email"
NOBODY = "nobody@example.com"
SOON = {"lifetime_minutes": 60}
FOR_THE_VERIFIED: dict[str, Ask] = {
    "publish": lambda ada, _: ada.post("/referral/code", SOON),
    "publish a wording": lambda ada, _: ada.post("/referral/code", SOON | {"code": "ADA-1815"}),
    "activate": lambda ada, code: ada.post(f"/referral/codes/{code}/activate"),
    "prolong": lambda ada, code: ada.post(f"/referral/codes/{code}/activate", SOON),
}
FOR_ANYBODY: dict[str, Ask] = {
    "see": lambda ada, _: ada.get("/referral/code"),
    "list": lambda ada, _: ada.get("/referral/codes"),
    "withdraw": lambda ada, _: ada.delete("/referral/code"),
    "deactivate": lambda ada, code: ada.post(f"/referral/codes/{code}/deactivate"),
    "delete": lambda ada, code: ada.delete(f"/referral/codes/{code}"),
    "mail": lambda ada, _: ada.post("/referral/code/email"),
}

for_the_verified = pytest.mark.parametrize("ask", FOR_THE_VERIFIED.values(), ids=FOR_THE_VERIFIED)
for_anybody = pytest.mark.parametrize("ask", FOR_ANYBODY.values(), ids=FOR_ANYBODY)


@pytest.fixture
def ada(register: People, inbox: Inbox) -> Person:
    """Somebody who is not verified."""
    return register(email="ada@example.com")


@pytest.fixture
def code(ada: Person) -> int:
    """The id of a code she published when nobody had to be verified."""
    code: int = ada.publish()["id"]
    return code


@pytest.fixture(autouse=True)
def _required(app: Flask, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "REQUIRE_VERIFIED_EMAIL", True)


@for_the_verified
def test_whoever_is_not_verified_publishes_no_code(ada: Person, code: int, ask: Ask) -> None:
    before = ada.get("/referral/codes").json()
    assert_problem(ask(ada, code), 403, "email_not_verified")
    assert ada.get("/referral/codes").json() == before


@for_the_verified
def test_whoever_is_verified_publishes_as_ever(
    http: httpx.Client,
    inbox: Inbox,
    ada: Person,
    code: int,
    ask: Ask,
) -> None:
    verify_address(http, inbox, ada)
    assert ask(ada, code).is_success


@for_anybody
def test_whoever_is_not_verified_still_rules_over_their_codes(
    ada: Person, code: int, ask: Ask
) -> None:
    assert ask(ada, code).is_success


@either_way
def test_whoever_is_not_verified_is_not_found_and_answered_for_like_nobody_byte_for_byte(
    http: httpx.Client, ada: Person, look_up: LookUp
) -> None:
    assert_problem(look_up(http, ada.email), 404, "referral_code_not_found")
    assert everything(look_up(http, ada.email)) == everything(look_up(http, NOBODY))


@either_way
def test_whoever_is_not_verified_is_the_same_work_as_nobody(
    http: httpx.Client, ada: Person, look_up: LookUp, statements: Statements
) -> None:
    with statements() as for_known:
        look_up(http, ada.email)
    with statements() as for_unknown:
        look_up(http, NOBODY)
    assert len(for_known) == 1
    assert for_known == for_unknown


@either_way
def test_whoever_is_verified_is_found_at_once(
    http: httpx.Client, inbox: Inbox, ada: Person, look_up: LookUp
) -> None:
    # Which is remembered.
    assert look_up(http, ada.email).status_code == 404
    verify_address(http, inbox, ada)
    assert look_up(http, ada.email).json()["code"] == ada.get("/referral/code").json()["code"]


def test_whoever_may_have_been_verified_is_looked_for_anew(
    app: Flask, http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    with app.app_context():
        engine = db.engine
    assert http.get(BY_EMAIL, params={"email": ada.email}).status_code == 404
    token = inbox.token(ada.email, VERIFY_PAGE)
    with losing_commits(engine):
        assert_problem(verify(http, token), 503, "unavailable")
    assert http.get(BY_EMAIL, params={"email": ada.email}).status_code == 200


@either_way
def test_a_slow_look_up_does_not_hide_whoever_is_verified_meanwhile(
    app: Flask, http: httpx.Client, inbox: Inbox, ada: Person, look_up: LookUp
) -> None:
    with app.app_context():
        engine = db.engine
    token = inbox.token(ada.email, VERIFY_PAGE)
    with held_after("FROM codes", engine, lambda: look_up(http, ada.email)) as slow:
        verify(http, token)
    assert slow.result().status_code == 404
    assert look_up(http, ada.email).status_code == 200


def test_a_code_of_somebody_not_verified_still_brings_people(
    http: httpx.Client, ada: Person, register: People
) -> None:
    newcomer = register(referral_code=ada.get("/referral/code").json()["code"])
    assert newcomer.get("/auth/me").json()["referrer"]["id"] == ada.id


def test_nothing_of_it_holds_where_it_is_not_asked_for(
    app: Flask, http: httpx.Client, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "REQUIRE_VERIFIED_EMAIL", False)
    code = ada.publish()["code"]
    found = http.get("/referral/code/by-email", params={"email": ada.email})
    assert found.json()["code"] == code


def verify_address(http: httpx.Client, inbox: Inbox, person: Person) -> None:
    assert verify(http, inbox.token(person.email, VERIFY_PAGE)).status_code == 204
