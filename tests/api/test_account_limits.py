"""Who asks too often for one account is told to wait, from wherever they ask."""

import httpx
import pytest
import redis

from tests.api.behind_a_proxy import Allow, allow, app, base_url, http
from tests.people import PASSWORD, People, Person, bearer
from tests.problems import assert_problem

__all__ = ["allow", "app", "base_url", "http"]

SIGNED_IN = {
    "CHANGE_PASSWORD": "/auth/change_password",
    "RESEND_VERIFICATION": "/auth/verify_email/resend",
    "MAIL_CODE": "/referral/code/email",
}
BY_EMAIL = {"REGISTER": "/auth/register", "RESET_PASSWORD": "/auth/reset_password"}


@pytest.mark.parametrize("setting", SIGNED_IN)
def test_a_person_is_limited_wherever_they_are(
    http: httpx.Client, register: People, allow: Allow, setting: str
) -> None:
    allow(f"{setting}_PER_ACCOUNT", "2 per hour")
    ada, grace = register(), register()
    answers = [ada.post(SIGNED_IN[setting]) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert_problem(answers[-1], 429, "too_many_requests")
    assert grace.post(SIGNED_IN[setting]).status_code != 429


@pytest.mark.parametrize("setting", BY_EMAIL)
def test_an_address_is_limited_in_every_spelling_whether_it_has_an_account_or_not(
    http: httpx.Client, ada: Person, allow: Allow, setting: str
) -> None:
    allow(f"{setting}_PER_ACCOUNT", "2 per hour")
    for spellings in (["ada@example.com", "ADA@example.com"], ["eve@a.io", "Eve@A.IO"]):
        answers = [ask_with_email(http, setting, email) for email in (*spellings, spellings[0])]
        assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert ask_with_email(http, setting, "grace@example.com").status_code != 429


def test_a_person_refreshes_only_so_often_by_either_way(
    http: httpx.Client, ada: Person, allow: Allow
) -> None:
    allow("REFRESH_PER_ACCOUNT", "2 per hour")
    other = ada.log_in()
    headers = bearer(ada.refresh_token)
    assert http.post("/auth/refresh", headers=headers).status_code == 200
    assert refresh_by_form(http, other.refresh_token).status_code == 200
    assert_problem(http.post("/auth/refresh", headers=headers), 429, "too_many_requests")
    assert_problem(refresh_by_form(http, other.refresh_token), 429, "too_many_requests")


def test_no_forged_token_uses_up_the_budget_of_a_person(
    http: httpx.Client, ada: Person, allow: Allow
) -> None:
    allow("REFRESH_PER_ACCOUNT", "1 per hour")
    header, payload, _ = ada.refresh_token.split(".")
    for _ in range(3):
        assert refresh_by_form(http, f"{header}.{payload}.forged").status_code == 400
    assert refresh_by_form(http, ada.refresh_token).status_code == 200


def test_redis_learns_no_address_of_anybodys_mail(
    http: httpx.Client, redis_client: redis.Redis
) -> None:
    ask_with_email(http, "RESET_PASSWORD", "ada@example.com")
    assert redis_client.keys("LIMITER/*PER_ACCOUNT*")
    assert not redis_client.keys("*ada*")


def refresh_by_form(http: httpx.Client, token: str) -> httpx.Response:
    fields = {"grant_type": "refresh_token", "refresh_token": token}
    return http.post("/auth/token", data=fields)


def ask_with_email(http: httpx.Client, setting: str, email: str) -> httpx.Response:
    """Register, with a code that refuses it, or ask for a link."""
    terms = {"password": PASSWORD, "referral_code": "nobodys"} if setting == "REGISTER" else {}
    return http.post(BY_EMAIL[setting], json={"email": email} | terms)
