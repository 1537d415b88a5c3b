"""The settings about mails and about the services outside."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.emails import Kind, envelope, write
from tests.settings.given import GOOD, Load, complaint, faulty_keys

URLS = [
    *("PUBLIC_URL", "PASSWORD_RESET_URL", "EMAIL_VERIFY_URL"),
    *("EMAIL_HUNTER_URL", "CLEARBIT_URL"),
]
DEFAULTS = {
    "PASSWORD_RESET_URL": None,
    "EMAIL_VERIFY_URL": None,
    "REQUIRE_VERIFIED_EMAIL": False,
    "MAIL_SERVER": "",
    "MAIL_PORT": 587,
    "MAIL_USE_TLS": True,
    "MAIL_USE_SSL": False,
    "MAIL_USERNAME": "",
    "MAIL_PASSWORD": "",
    "MAILBOX": "",
    "EMAIL_HUNTER_API_KEY": "",
    "CLEARBIT_API_KEY": "",
}
SENDERS = [
    "referrals@example.com",
    "<referrals@example.com>",
    "Referrals <referrals@example.com>",
    '"Referrals, Inc." <referrals@example.com>',
    "\u0420\u0435\u0444\u0435\u0440\u0430\u043b\u044b <referrals@example.com>",
    "Referrals <referrals@b\u00fccher.example>",
    "root@localhost",
]
NO_SENDERS = [
    *("", " ", "hunter2", "hunter2@", "@hunter2.com", "Referrals", "Referrals <hunter2>"),
    *("a@hunter2.com, b@hunter2.com", "a@hunter2.com; b@hunter2.com", "a b@hunter2.com"),
    *("Team: a@hunter2.com;", "Team: ;", "<a@hunter2.com", "a@hunter2.com>", "a@@hunter2.com"),
    *("a@hunter2.com\r\nBcc: b@hunter2.com", "a@hunter2.com\nX: y", "hunter2 <a@b.c> <d@e.f>"),
]
# Registrations crash on these, for no Message-ID can be made with such a domain.
NO_DOMAINS = [f"a@{'x' * 64}.com", "a@\u200b.com", "a@\u2603.com"]
# What a page for people, or a service, is never reached by; none of it may be repeated.
NO_URLS: list[Any] = [
    *("hunter2.example.org", "ftp://hunter2.example.org", "javascript:hunter2()", "//hunter2.org"),
    *("https://", "https://hunter2.org/page#token=", "", 5),
]
FAULTS: list[tuple[str, Any]] = [
    *((key, value) for key in URLS for value in NO_URLS),
    *(("MAIL_DEFAULT_SENDER", value) for value in [*NO_SENDERS, 5, None]),
    *(("REQUIRE_VERIFIED_EMAIL", value) for value in ["hunter2", 7]),
    *((key, 5) for key in ("EMAIL_HUNTER_API_KEY", "CLEARBIT_API_KEY", "MAILBOX")),
]


def test_nothing_of_it_must_be_set(load: Load) -> None:
    assert load(GOOD).items() >= DEFAULTS.items()


def test_the_services_are_asked_where_they_are_unless_told_otherwise(load: Load) -> None:
    settings = load(GOOD)
    assert settings["EMAIL_HUNTER_URL"] == "https://api.hunter.io/v2/email-verifier"
    assert settings["CLEARBIT_URL"] == "https://person.clearbit.com/v2/combined/find"


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize("url", ["http://localhost:3000/page?x=1", "https://example.org/r/"])
def test_any_address_on_the_web_is_taken(load: Load, key: str, url: str) -> None:
    assert load(GOOD | {key: url})[key] == url


@pytest.mark.parametrize("sender", SENDERS, ids=ascii)
def test_any_one_mailbox_may_be_the_sender(load: Load, sender: str) -> None:
    assert load(GOOD | {"MAIL_DEFAULT_SENDER": sender})["MAIL_DEFAULT_SENDER"] == sender


def test_the_sender_there_is_from_the_start_would_be_taken(load: Load) -> None:
    sender = load(GOOD)["MAIL_DEFAULT_SENDER"]
    assert load(GOOD | {"MAIL_DEFAULT_SENDER": sender})["MAIL_DEFAULT_SENDER"] == sender


@pytest.mark.parametrize("sender", SENDERS, ids=ascii)
def test_a_mail_can_be_sent_by_every_sender_that_is_taken(sender: str) -> None:
    letter = write(Kind.PASSWORD_CHANGED, "en", changed_at=datetime.now(UTC))
    mail = envelope(
        letter,
        sender=sender,
        recipient="ada@example.com",
        message_id="<1@example.com>",
        date=datetime.now(UTC),
    )
    assert len(mail["From"].addresses) == 1
    assert mail.as_bytes().count(b"From: ") == 1


@pytest.mark.parametrize(("key", "value"), FAULTS, ids=ascii)
def test_a_fault_is_told_by_its_key_and_never_by_its_value(
    load: Load, key: str, value: Any
) -> None:
    message = complaint(load, GOOD | {key: value})
    assert faulty_keys(message) == [key]
    assert "hunter2" not in message


@pytest.mark.parametrize("sender", NO_DOMAINS, ids=ascii)
def test_a_sender_with_a_domain_that_cannot_be_is_told(load: Load, sender: str) -> None:
    message = complaint(load, GOOD | {"MAIL_DEFAULT_SENDER": sender})
    assert faulty_keys(message) == ["MAIL_DEFAULT_SENDER"]


@pytest.mark.parametrize("given", ["true", "1", "True"])
def test_the_environment_can_ask_for_verified_addresses(load: Load, given: str) -> None:
    loaded = load(GOOD, REFERRAL_REQUIRE_VERIFIED_EMAIL=given)
    assert loaded["REQUIRE_VERIFIED_EMAIL"] is True


def test_a_mailbox_in_place_of_a_mail_server_is_for_development_only(load: Load) -> None:
    assert faulty_keys(complaint(load, GOOD | {"MAILBOX": "mails"})) == ["MAILBOX"]
    assert faulty_keys(complaint(load, GOOD, REFERRAL_MAILBOX="mails")) == ["MAILBOX"]
    assert load(GOOD | {"MAILBOX": "mails", "DEVELOPMENT": True})["MAILBOX"] == "mails"


@pytest.mark.parametrize("key", ["EMAIL_HUNTER_API_KEY", "CLEARBIT_API_KEY", "MAIL_PASSWORD"])
def test_the_examples_value_is_no_key(load: Load, key: str) -> None:
    assert faulty_keys(complaint(load, GOOD | {key: "change-me"})) == [key]
