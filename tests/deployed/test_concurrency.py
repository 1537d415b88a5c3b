"""Forty requests at once, each on a connection of its own, to several worker processes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice, product
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.deployed.rush import Rush, sign_up
from tests.deployed.service import Service
from tests.deployed.together import MANY, at_once, meanwhile, outcome, outcomes
from tests.deployed.waiting import NOTHING, PERSON, Waiting, waiting_for
from tests.people import PASSWORD, People, Person, bearer
from tests.quiet import assert_when_quiet

pytestmark = pytest.mark.xdist_group("concurrency")

Sql = Callable[..., list[tuple[Any, ...]]]

HOUR = {"lifetime_minutes": 60}
WITHDRAWALS: dict[str, Callable[[Person, int], httpx.Response]] = {
    "deactivated": lambda owner, id_: owner.post(f"/referral/codes/{id_}/deactivate"),
    "withdrawn": lambda owner, _: owner.delete("/referral/code"),
    "deleted": lambda owner, id_: owner.delete(f"/referral/codes/{id_}"),
    "replaced": lambda owner, _: owner.post("/referral/code", json=HOUR),
}


def test_several_processes_serve(service: Service) -> None:
    assert len(service.workers()) > 1


def test_of_forty_codes_created_at_once_one_stays_active(register: People, sql: Sql) -> None:
    owner = register()
    responses = at_once([partial(owner.post, "/referral/code", HOUR)] * MANY)
    assert outcomes(responses) == {"201": MANY}
    assert_one_active_code(owner, sql)


def test_of_forty_codes_activated_at_once_one_stays_active(register: People, sql: Sql) -> None:
    owner = register()
    ids = [owner.publish()["id"] for _ in range(MANY)]
    responses = at_once(partial(owner.post, f"/referral/codes/{id_}/activate") for id_ in ids)
    assert outcomes(responses) == {"200": MANY}
    assert_one_active_code(owner, sql)


def test_each_change_is_seen_at_once_however_many_look_up_meanwhile(
    register: People, service: Service
) -> None:
    owner, wrong = register(), []
    too_slow = forgetting_took_too_long(service)
    with meanwhile(partial(look_up, owner)):
        for _ in range(MANY):
            code = owner.publish()["code"]
            told = [look_up(owner).json().get("code") for _ in range(3)]
            wrong += [each for each in told if each != code]
    if forgetting_took_too_long(service) == too_slow:
        assert wrong == []
    assert_when_quiet(wrong == [], wrong)


def test_an_address_in_forty_spellings_registers_once(http: httpx.Client, sql: Sql) -> None:
    responses = at_once(partial(sign_up, http, email) for email in spellings_of_grace())
    assert outcomes(responses) == {"201": 1, "409 email_taken": MANY - 1}
    assert sql("SELECT email FROM users") == [("grace@bücher.example.com",)]


@pytest.mark.parametrize("times", [MANY // 2, MANY])
def test_of_simultaneous_refreshes_one_wins_and_the_session_lives_on(
    http: httpx.Client, register: People, times: int
) -> None:
    person = register()
    responses = at_once([partial(refresh, http, person.refresh_token)] * times)
    assert outcomes(responses) == {"200": 1, "401 token_reused": times - 1}
    (tokens,) = bodies_of_successes(responses)
    assert person.get("/auth/me").status_code == 200
    assert refresh(http, tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("withdraw", WITHDRAWALS.values(), ids=WITHDRAWALS)
def test_nobody_gets_in_with_a_code_once_its_withdrawal_is_answered(
    http: httpx.Client, register: People, sql: Sql, withdraw: Callable[..., httpx.Response]
) -> None:
    owner = register()
    code = owner.publish()
    with Rush(http, code["code"]) as rush:
        assert withdraw(owner, code["id"]).is_success
        answered, joined = monotonic(), referees(sql)
        rush.attempt()

    assert rush.outcomes() == {"201", "422 referral_code_invalid"}
    assert rush.outcomes(since=answered) == {"422 referral_code_invalid"}
    assert referees(sql) == joined == rush.let_in()
    assert addresses(sql) == {owner.email} | rush.let_in()


def test_a_withdrawal_waits_for_nobody_who_came_after_it(
    register: People, database_url: str
) -> None:
    owner, early, late = register(), register(), register()
    code = {"code": owner.publish()["code"]}

    def joining(person: Person) -> AbstractContextManager[Waiting]:
        join = partial(person.post, "/referral/activate", code)
        return waiting_for(PERSON.format(person.id), database_url, join)

    withdraw = partial(owner.delete, "/referral/code")
    with (
        joining(early) as first,
        waiting_for(NOTHING, database_url, withdraw) as withdrawal,
        joining(late) as second,
    ):
        first.let_go()
        assert outcome(withdrawal.answer.result()) == "204"
        second.let_go()
        assert outcome(second.answer.result()) == "422 referral_code_invalid"
        assert outcome(first.answer.result()) == "200"


def test_forty_people_join_with_one_code_at_once(register: People) -> None:
    owner = register()
    code = {"code": owner.publish()["code"]}
    people = at_once([register] * MANY)
    joins = [partial(person.post, "/referral/activate", code) for person in people]
    reads = [partial(owner.get, "/referral/referrals")] * 10
    assert outcomes(at_once(joins + reads)) == {"200": MANY + 10}
    brought = owner.get("/referral/referrals").json()
    assert brought["total"] == MANY
    assert {person["id"] for person in brought["referrals"]} == {person.id for person in people}


def test_a_person_who_joins_forty_referrers_at_once_gets_one(
    crowd: list[Person], register: People
) -> None:
    codes = at_once(owner.publish for owner in crowd)
    person = register()
    responses = at_once(
        partial(person.post, "/referral/activate", {"code": code["code"]}) for code in codes
    )
    assert outcomes(responses) == {"200": 1, "409 already_referred": MANY - 1}
    (joined,) = bodies_of_successes(responses)
    assert person.get("/auth/me").json()["referrer"] == joined["referrer"]


def test_a_wording_that_forty_people_want_at_once_goes_to_one(crowd: list[Person]) -> None:
    wording = HOUR | {"code": "SPRING-26"}
    responses = at_once(partial(person.post, "/referral/code", wording) for person in crowd)
    assert outcomes(responses) == {"201": 1, "409 code_taken": MANY - 1}


def test_people_who_want_each_others_wordings_are_all_refused(register: People) -> None:
    ada, grace = register(), register()
    for person in (ada, grace):
        person.publish(code=f"WORDING-OF-{person.id}")
    wants = [
        partial(who.post, "/referral/code", HOUR | {"code": f"WORDING-OF-{whose.id}"})
        for who, whose in ((ada, grace), (grace, ada))
    ]
    assert outcomes(at_once(wants * (MANY // 2))) == {"409 code_taken": MANY}


@pytest.mark.parametrize("round_", range(3))
def test_no_session_opened_with_the_old_password_outlives_its_change(
    http: httpx.Client, register: People, round_: int
) -> None:
    person = register()
    passwords = {"current_password": PASSWORD, "new_password": "staple battery 9"}
    change = partial(person.post, "/auth/change_password", passwords)
    old = {"email": person.email, "password": PASSWORD}
    log_in = partial(http.post, "/auth/login", json=old)
    changed, *logged_in = at_once([change] + [log_in] * (MANY - 1))

    assert outcome(changed) == "204"
    refusals = {"401 invalid_credentials", "429 too_many_attempts"}
    assert outcomes(logged_in).keys() <= {"200"} | refusals
    tokens = [opened["access_token"] for opened in bodies_of_successes(logged_in)]
    assert {outcome(me(http, token)) for token in tokens} <= {"401 token_revoked"}
    assert person.get("/auth/me").status_code == 200


def test_a_session_that_is_logged_out_and_refreshed_at_once_is_over(
    http: httpx.Client, register: People
) -> None:
    person = register()
    sessions = at_once([person.log_in] * (MANY // 2))
    log_outs = [partial(session.post, "/auth/logout") for session in sessions]
    refreshes = [partial(refresh, http, session.refresh_token) for session in sessions]
    alternating = [call for pair in zip(log_outs, refreshes, strict=True) for call in pair]
    responses = at_once(alternating)

    assert outcomes(responses[::2]) == {"204": len(sessions)}
    assert outcomes(responses[1::2]).keys() <= {"200", "401 token_revoked"}
    got = bodies_of_successes(responses[1::2])
    access = [session.access_token for session in sessions] + [new["access_token"] for new in got]
    assert {outcome(me(http, token)) for token in access} == {"401 token_revoked"}
    late = {outcome(refresh(http, new["refresh_token"])) for new in got}
    assert late <= {"401 token_revoked"}


def assert_one_active_code(owner: Person, sql: Sql) -> None:
    """One code of this person is active: in the database, by the API, and by the look-up."""
    ((active,),) = sql("SELECT code FROM codes WHERE is_activated")
    codes = owner.get("/referral/codes", limit=100).json()["codes"]
    assert [code["code"] for code in codes if code["is_active"]] == [active]
    assert owner.get("/referral/code").json()["code"] == active
    # The first may be read from the database, the others from its copy.
    assert [look_up(owner).json()["code"] for _ in range(3)] == [active] * 3


def forgetting_took_too_long(service: Service) -> int:
    """How often Redis was too slow to forget a copy, which may be given for a minute then."""
    return service.logged().count("could not forget (TimeoutError)")


def spellings_of_grace() -> list[str]:
    """One address in forty spellings: capitals, and both forms of an international domain."""
    names = ("".join(letters) for letters in product(*zip("grace", "GRACE", strict=True)))
    forms = ("bücher.example.com", "XN--BCHER-KVA.example.com")
    return [f"{name}@{form}" for name, form in islice(product(names, forms), MANY)]


def addresses(sql: Sql) -> set[str]:
    return {email for (email,) in sql("SELECT email FROM users")}


def referees(sql: Sql) -> set[str]:
    """The addresses of all who have a referrer."""
    rows = sql("SELECT email FROM users JOIN referrals ON referee_id = users.id")
    return {email for (email,) in rows}


def bodies_of_successes(responses: list[httpx.Response]) -> list[dict[str, Any]]:
    return [response.json() for response in responses if response.is_success]


def refresh(http: httpx.Client, token: str) -> httpx.Response:
    return http.post("/auth/refresh", headers=bearer(token))


def me(http: httpx.Client, token: str) -> httpx.Response:
    return http.get("/auth/me", headers=bearer(token))


def look_up(owner: Person) -> httpx.Response:
    return owner.get("/referral/code/by-email", email=owner.email)
