"""What only looks like an address or a code is another one, or none."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.test_lookup import by_get, everything
from tests.endings import Sql
from tests.inbox import Inbox
from tests.mailed_links import ask_for_reset
from tests.people import PASSWORD, People, Person
from tests.problems import assert_problem

ADA = "kim.office@example.com"
# Each reads as Ada's address, or nearly, and belongs to whoever has that mailbox or that domain.
SOMEBODY_ELSES = {
    "Cyrillic before the at": "kim.\u043effice@example.com",
    "Greek before the at": "kim.\u03bfffice@example.com",
    "Cyrillic after the at": "kim.office@ex\u0430mple.com",
    "Greek after the at": "kim.office@exam\u03c1le.com",
    "all Cyrillic after the at": "kim.office@\u0435\u0445\u0430\u043c\u0440\u04cf\u0435.com",
    "wide letters": "\uff4b\uff49\uff4d.office@example.com",
    "a ligature": "kim.o\ufb03ce@example.com",
    "mathematical letters": "\U0001d424im.office@example.com",
    "no dot on the i": "k\u0131m.office@example.com",
    "an accent": "kim.offic\u00e9@example.com",
    "a dot below": "kim.offic\u1eb9@example.com",
    "one letter for two": "kim.o\ua730ice@example.com",
    "another hyphen": "kim\u2010office@example.com",
    "another dot": "kim\u00b7office@example.com",
}
# To Unicode these are the same as Ada's: capitals, or what IDNA maps away (UTS 46).
ADAS = {
    "the Kelvin sign": "\u212aim.office@example.com",
    "wide letters in the domain": "kim.office@\uff45xample.com",
    "another stop in the domain": "kim.office@example\u3002com",
}
# What no reader sees, or turns what others see.
UNSEEN = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u200f"
UNSEEN += "\u202a\u202e\u2060\u2064\u2066\u2069\u206f\u2800\u3000\u3164\u00a0\ufe00\ufe0f\ufeff"
UNSEEN += "\uffa0\ufff9\U0001d173\U000e0001\U000e0061\U000e0100\U000e01ef"

WORDING = "KISS-FIT-1"
OTHER_WORDINGS = [
    "\u041aISS-FIT-1",  # Cyrillic
    "\u039aISS-FIT-1",  # Greek
    "\u212aISS-FIT-1",  # the Kelvin sign
    "KI\u017f\u017f-FIT-1",  # the long s
    "ki\u00df-fit-1",  # the sharp s
    "KI\u1e9e-FIT-1",  # the capital sharp s
    "k\u0131ss-fit-1",  # no dot on the i
    "K\u0130SS-FIT-1",  # a dot on the I
    "kiss-\ufb01t-1",  # a ligature
    "\uff2b\uff29\uff33\uff33-FIT-1",  # wide letters
    "KISS-FIT-\uff11",  # wide digits
    "KISS-FIT-\u0661",  # Arabic digits
    "KISS-FIT-\u00b9",  # a superscript
    "KISS\u2010FIT-1",  # another hyphen
    "KISS\u2212FIT-1",  # a minus
    "KISS-FIT-1\u00ad",  # a soft hyphen
    "KISS\u200b-FIT-1",  # nothing to be seen
    "KISS-FI\u0301T-1",  # an accent
    "KISS-FIT-l",  # a letter for a digit
    "\u202e1-TIF-SSIK\u202c",  # turned round
]

Join = Callable[[httpx.Client, Person, str], httpx.Response]


def at_registration(http: httpx.Client, newcomer: Person, code: str) -> httpx.Response:
    body = {"email": "new@example.com", "password": PASSWORD, "referral_code": code}
    return http.post("/auth/register", json=body)


def afterwards(http: httpx.Client, newcomer: Person, code: str) -> httpx.Response:
    return newcomer.post("/referral/activate", {"code": code})


@pytest.mark.parametrize("address", SOMEBODY_ELSES.values(), ids=SOMEBODY_ELSES)
def test_an_address_that_looks_like_another_is_not_the_other(
    http: httpx.Client, ada: Person, inbox: Inbox, address: str
) -> None:
    ada.publish()
    nobody = by_get(http, "nobody@example.com")
    assert everything(by_get(http, address)) == everything(nobody)
    assert_problem(log_in(http, address), 401, "invalid_credentials")
    before = len(inbox.mails(ADA))
    ask_for_reset(http, address)
    assert len(inbox.mails(ADA)) == before
    body = {"email": address, "password": "a password of another's"}
    other = http.post("/auth/register", json=body).json()["user"]
    assert other["id"] != ada.id
    assert other["email"] != ADA
    assert log_in(http, ADA).json()["user"]["id"] == ada.id


@pytest.mark.parametrize("address", ADAS.values(), ids=ADAS)
def test_what_unicode_holds_to_be_the_same_is_one_account(
    http: httpx.Client, ada: Person, address: str
) -> None:
    body = {"email": address, "password": "a password of another's"}
    assert_problem(http.post("/auth/register", json=body), 409, "email_taken")
    assert log_in(http, address).json()["user"]["id"] == ada.id


def test_nobody_has_an_address_with_what_nobody_sees(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    for character in UNSEEN:
        address = f"kim{character}.office@example.com"
        for path in ("/auth/register", "/auth/login", "/auth/reset_password"):
            body = {"email": address} | ({} if "reset" in path else {"password": PASSWORD})
            problem = assert_problem(http.post(path, json=body), 422, "validation_error")
            assert problem["errors"].keys() == {"email"}
        assert by_get(http, address).status_code == 422
    assert sql("SELECT count(*) FROM users") == [(1,)]


def test_in_a_domain_it_counts_for_nothing_or_is_refused(http: httpx.Client, ada: Person) -> None:
    for character in UNSEEN:
        body = {"email": f"kim.office@exa{character}mple.com", "password": PASSWORD}
        assert http.post("/auth/register", json=body).status_code in (409, 422), ascii(character)


@pytest.mark.parametrize("join", [at_registration, afterwards])
def test_a_code_that_looks_like_another_is_none(
    http: httpx.Client, ada: Person, register: People, sql: Sql, join: Join
) -> None:
    ada.publish(code=WORDING)
    newcomer = register()
    for wording in OTHER_WORDINGS:
        assert_problem(join(http, newcomer, wording), 422, "referral_code_invalid")
    assert sql("SELECT count(*) FROM referrals") == [(0,)]
    assert join(http, newcomer, WORDING.lower()).is_success


def log_in(http: httpx.Client, email: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": email, "password": PASSWORD})


@pytest.fixture
def ada(register: People) -> Person:
    return register(email=ADA)
