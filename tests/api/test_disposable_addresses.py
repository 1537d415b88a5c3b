"""Domains whose mailboxes are thrown away: refused by a list, without any key."""

import httpx
import pytest

from tests.endings import Sql
from tests.people import PASSWORD, People
from tests.problems import assert_problem

WELL_KNOWN = (
    "gmail.com googlemail.com outlook.com hotmail.com live.com yahoo.com icloud.com me.com aol.com "
    "proton.me protonmail.com gmx.de gmx.net web.de t-online.de mail.ru yandex.ru bk.ru rambler.ru "
    "qq.com 163.com naver.com free.fr orange.fr libero.it seznam.cz zoho.com fastmail.com duck.com "
    "privaterelay.appleid.com mozmail.com example.com example.org mail.example.co.uk почта.рф"
)


@pytest.mark.parametrize(
    "domain", ["mailinator.com", "MAILINATOR.com", "a.b.mailinator.com", "yahóo.com"]
)
def test_an_address_of_a_disposable_domain_is_refused(
    http: httpx.Client, sql: Sql, domain: str
) -> None:
    body = {"email": f"ada@{domain}", "password": PASSWORD}
    assert_problem(http.post("/auth/register", json=body), 422, "email_rejected")
    assert sql("SELECT count(*) FROM users") == [(0,)]


def test_the_domains_of_most_people_are_welcome(register: People) -> None:
    for domain in WELL_KNOWN.split():
        register(f"ada@{domain}")


@pytest.mark.parametrize("domain", ["the-mailinator.com", "mailinator.com.example.com"])
def test_a_domain_that_only_looks_disposable_is_welcome(register: People, domain: str) -> None:
    register(f"ada@{domain}")
