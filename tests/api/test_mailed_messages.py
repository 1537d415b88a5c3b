# ruff: noqa: RUF001 - some subjects are in Russian
"""Who is mailed what, in which language, and where its links lead."""

import re
from html import unescape
from typing import Any

import httpx
import pytest
from flask import Flask

from app.schemas.base import canonical_email
from tests.api.addresses import VALID
from tests.endings import Sql
from tests.inbox import Inbox, html_of, recipient_of, text_of, with_unicode_domain
from tests.mail_server import MailServer
from tests.mailed_links import (
    RESET_PAGE,
    VERIFY_PAGE,
    ask_for_reset,
    reset,
    reset_token,
    verify,
)
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem

JOINED = "joined with your referral code"
PUBLIC_URL = "http://127.0.0.1:8000"
ELSEWHERE = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "Forwarded": "host=evil.example",
}
LANGUAGES = {
    "ru": "ru",
    "RU": "ru",
    "ru-RU;q=0.9,en;q=0.1": "ru",
    "en;q=0.1, ru;q=0.2": "ru",
    "de, ru;q=0.5": "ru",
    "en": "en",
    "en-GB, ru;q=0.5": "en",
    "de": "en",
    "ru;q=0": "en",
    "*": "en",
    "": "en",
    ";;q=,\xff": "en",
    "ru" * 2000: "en",
}
NASTY = [
    "o'hara&co{0}%s@example.com",
    "{email}@example.com",
    "$`{{7*7}}`@example.com",
    "ada@b\u00fccher.example",
    "\u03b4\u03bf\u03ba\u03b9\u03bc\u03ae@b\u00fccher.example",
]

# The mail server of the tests takes it for the word it encodes (RFC 2047), and so answers for x.
ENCODED = "=?utf-8?q?x?=@example.com"

any_nasty_address = pytest.mark.parametrize("address", [*NASTY, ENCODED], ids=ascii)


def register_with(http: httpx.Client, email: str, headers: dict[str, Any]) -> None:
    body = {"email": email, "password": PASSWORD}
    response = http.post("/auth/register", json=body, headers=headers)
    assert response.status_code == 201, response.text


def link_in(text: str) -> str:
    (link,) = re.findall(r"\S+#token=\S+", text)
    return link


def test_a_referrer_is_told_who_joined_at_registration(
    inbox: Inbox, ada: Person, register: People
) -> None:
    code = ada.publish()["code"]
    register(email="grace@example.com", referral_code=code)
    text = text_of(inbox.mail(ada.email, JOINED))
    assert "grace@example.com" in text
    assert code in text


def test_a_referrer_is_told_who_joined_after_registration(
    inbox: Inbox, ada: Person, register: People
) -> None:
    grace = register(email="grace@example.com")
    grace.post("/referral/activate", {"code": ada.publish()["code"]})
    assert grace.email in text_of(inbox.mail(ada.email, JOINED))


def test_a_referrer_is_told_once_of_each_who_joined(
    inbox: Inbox, ada: Person, register: People
) -> None:
    code, newcomer = ada.publish()["code"], register()
    for _ in range(2):
        newcomer.post("/referral/activate", {"code": code})
    register(referral_code=code)
    assert len([each for each in inbox.subjects(ada.email) if JOINED in each]) == 2


def test_nobody_else_is_told_who_joined(inbox: Inbox, ada: Person, register: People) -> None:
    grace = register(referral_code=ada.publish()["code"])
    assert inbox.subjects(grace.email) == ["Verify your e-mail address"]


def test_the_active_code_is_mailed_to_its_owner(inbox: Inbox, ada: Person) -> None:
    code = ada.publish()["code"]
    response = ada.post("/referral/code/email")
    assert (response.status_code, response.content) == (202, b"")
    assert code in text_of(inbox.mail(ada.email, "Your referral code"))


def test_the_code_that_is_active_when_the_mail_goes_out_is_mailed(
    inbox: Inbox, ada: Person
) -> None:
    old = ada.publish()["code"]
    ada.post("/referral/code/email")
    new = ada.publish()["code"]
    text = text_of(inbox.mail(ada.email, "Your referral code"))
    assert new in text
    assert old not in text


def test_without_an_active_code_there_is_none_to_mail(inbox: Inbox, ada: Person) -> None:
    assert_problem(ada.post("/referral/code/email"), 404, "no_active_code")
    assert inbox.subjects(ada.email) == ["Verify your e-mail address"]


def test_a_code_that_was_withdrawn_meanwhile_is_not_mailed(
    inbox: Inbox, ada: Person, sql: Sql
) -> None:
    ada.publish()
    ada.post("/referral/code/email")
    ada.delete("/referral/code")
    assert inbox.subjects(ada.email) == ["Verify your e-mail address"]
    assert sql("SELECT * FROM outbox") == []


@pytest.mark.parametrize("faults", [{"email": "ada@example.com"}, {"password": "short"}])
def test_a_refused_registration_mails_nothing(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql, faults: dict[str, str]
) -> None:
    inbox.deliver()
    body = {"email": "grace@example.com", "password": PASSWORD} | faults
    assert http.post("/auth/register", json=body).status_code in (409, 422)
    assert sql("SELECT * FROM outbox") == []


def test_a_registration_with_a_code_that_cannot_be_used_mails_nothing(
    http: httpx.Client, inbox: Inbox, ada: Person, sql: Sql
) -> None:
    inbox.deliver()
    body = {"email": "grace@example.com", "password": PASSWORD, "referral_code": "NONE"}
    assert_problem(http.post("/auth/register", json=body), 422, "referral_code_invalid")
    assert sql("SELECT * FROM outbox") == []


@pytest.mark.parametrize(
    ("liked", "language"), LANGUAGES.items(), ids=lambda value: ascii(value)[:24]
)
def test_mails_are_in_the_language_liked_best_at_registration(
    http: httpx.Client, inbox: Inbox, liked: str, language: str
) -> None:
    register_with(http, "ada@example.com", {"Accept-Language": liked.encode("latin-1")})
    (mail,) = inbox.mails("ada@example.com")
    assert mail["Content-Language"] == language


def test_without_a_word_about_languages_mails_are_in_english(inbox: Inbox, ada: Person) -> None:
    (mail,) = inbox.mails(ada.email)
    assert mail["Content-Language"] == "en"


def test_the_language_stays_whatever_a_later_request_says(http: httpx.Client, inbox: Inbox) -> None:
    register_with(http, "ada@example.com", {"Accept-Language": "ru"})
    ask_for_reset(http, "ada@example.com", headers={"Accept-Language": "en"})
    assert inbox.subjects("ada@example.com") == [
        "Подтвердите адрес электронной почты",
        "Сброс пароля",
    ]


def test_a_referrer_is_told_in_their_own_language_not_the_newcomers(
    http: httpx.Client, inbox: Inbox, ada: Person
) -> None:
    body = {"email": "g@example.com", "password": PASSWORD, "referral_code": ada.publish()["code"]}
    http.post("/auth/register", json=body, headers={"Accept-Language": "ru"})
    assert inbox.mail(ada.email, JOINED)["Content-Language"] == "en"
    (to_the_newcomer,) = inbox.mails("g@example.com")
    assert to_the_newcomer["Content-Language"] == "ru"


def test_a_message_id_names_the_domain_of_the_sender_and_not_this_machine(
    app: Flask, inbox: Inbox, register: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAIL_DEFAULT_SENDER", "Refer <mail@b\u00fccher.example>")
    ada = register()
    (mail,) = inbox.mails(ada.email)
    assert mail["Message-ID"].endswith("@xn--bcher-kva.example>")


def test_links_lead_to_the_public_url_whatever_a_request_calls_this_host(
    http: httpx.Client, inbox: Inbox
) -> None:
    register_with(http, "ada@example.com", ELSEWHERE)
    ask_for_reset(http, "ada@example.com", headers=ELSEWHERE)
    links = sorted(link_in(text_of(mail)) for mail in inbox.mails("ada@example.com"))
    assert links[0].startswith(f"{PUBLIC_URL}/{RESET_PAGE}#token=")
    assert links[1].startswith(f"{PUBLIC_URL}/{VERIFY_PAGE}#token=")
    assert not any("evil" in mail.as_string() for mail in inbox.mails("ada@example.com"))


@pytest.mark.parametrize("public_url", ["https://referral.example.org", "https://example.org/r/"])
def test_links_lead_below_the_public_url(
    app: Flask, inbox: Inbox, ada: Person, monkeypatch: pytest.MonkeyPatch, public_url: str
) -> None:
    monkeypatch.setitem(app.config, "PUBLIC_URL", public_url)
    (mail,) = inbox.mails(ada.email)
    page = public_url.rstrip("/") + "/verify-email#token="
    assert link_in(text_of(mail)).startswith(page)


@pytest.mark.parametrize(
    ("setting", "subject"),
    [("PASSWORD_RESET_URL", "Reset your password"), ("EMAIL_VERIFY_URL", "Verify")],
)
def test_links_lead_to_a_page_of_the_companys_own(
    app: Flask,
    http: httpx.Client,
    inbox: Inbox,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    subject: str,
) -> None:
    monkeypatch.setitem(app.config, setting, "https://app.example.org/account?from=mail")
    ask_for_reset(http, ada.email)
    link = link_in(text_of(inbox.mail(ada.email, subject)))
    assert link.startswith("https://app.example.org/account?from=mail#token=")
    others = [mail for mail in inbox.mails(ada.email) if subject not in mail["Subject"]]
    assert [link_in(text_of(mail))[: len(PUBLIC_URL)] for mail in others] == [PUBLIC_URL]


def test_the_button_leads_where_the_text_leads(inbox: Inbox, ada: Person) -> None:
    (mail,) = inbox.mails(ada.email)
    (target,) = set(re.findall(r'href="([^"]+)"', html_of(mail)))
    assert unescape(target) == link_in(text_of(mail))


@any_nasty_address
def test_whatever_the_address_its_owner_can_follow_the_links(
    http: httpx.Client, inbox: Inbox, register: People, address: str
) -> None:
    person = register(email=address)
    assert verify(http, inbox.token(address, VERIFY_PAGE)).status_code == 204
    assert reset(http, reset_token(http, inbox, person)).status_code == 204
    assert {recipient_of(mail) for mail in inbox.all()} == {address}


@any_nasty_address
def test_whatever_the_address_a_referrer_is_told_of_it(
    inbox: Inbox, ada: Person, register: People, address: str
) -> None:
    register(email=address, referral_code=ada.publish()["code"])
    mail = inbox.mail(ada.email, JOINED)
    assert address in text_of(mail)
    assert address in unescape(html_of(mail))


def test_every_address_that_may_register_is_reached_through_a_mail_server(
    http: httpx.Client, inbox: Inbox, sql: Sql
) -> None:
    addresses = {canonical_email(address) for address in VALID + NASTY}
    for address in addresses:
        sql("INSERT INTO users (email, password_hash) VALUES (%s, '')", address)
        ask_for_reset(http, address)
    with MailServer() as server, inbox.sending_to(server.port):
        inbox.deliver()
    assert {recipient_of(mail.message) for mail in server.mails} == addresses
    assert {with_unicode_domain(*mail.recipients) for mail in server.mails} == addresses
    assert sql("SELECT * FROM outbox") == []
