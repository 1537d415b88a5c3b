# ruff: noqa: RUF001 - letters of other scripts are what this is about
"""Which e-mail addresses register, and which of them are the same."""

import unicodedata

import httpx
import pytest

from tests.api.addresses import INVALID, VALID
from tests.endings import Sql
from tests.people import PASSWORD, People
from tests.problems import assert_problem

INVALID_BY_KIND = {
    f"{kind} {number}": address
    for kind, addresses in INVALID.items()
    for number, address in enumerate(addresses)
}
# One address as two people might write it, and as it is kept.
SPELLINGS = {
    "capitals": (
        "Ada.Lovelace@Example.com",
        "aDA.lOVELACE@eXAMPLE.COM",
        "ada.lovelace@example.com",
    ),
    "composed": ("jos\u00e9@example.com", "jose\u0301@example.com", "jos\u00e9@example.com"),
    "composed capitals": (
        "JOSE\u0301@example.com",
        "jos\u00e9@example.com",
        "jos\u00e9@example.com",
    ),
    # There is one sign for the small letter with its accents, and none for the capital.
    "composed when small": ("\u03aa\u0301ος@εεττ.gr", "\u0390ος@εεττ.gr", "\u0390ος@εεττ.gr"),
    "punycode": ("ada@b\u00fccher.de", "ada@xn--bcher-kva.de", "ada@b\u00fccher.de"),
    "punycode capitals": ("ada@B\u00dcCHER.DE", "ada@XN--BCHER-KVA.DE", "ada@b\u00fccher.de"),
    "composed domain": ("ada@bu\u0308cher.de", "ada@xn--bcher-kva.de", "ada@b\u00fccher.de"),
    "wide domain": ("ada@\uff45\uff58ample\u3002com", "ada@example.com", "ada@example.com"),
    "sharp s": ("ada@stra\u00dfe.de", "ada@xn--strae-oqa.de", "ada@stra\u00dfe.de"),
    "Cyrillic": ("ЮЗЕР@ЕКЗАМПЛ.КОМ", "юзер@екзампл.ком", "юзер@екзампл.ком"),
    "Cyrillic punycode": ("юзер@xn--80ajglhfv.xn--j1aef", "Юзер@екзампл.ком", "юзер@екзампл.ком"),
    "final sigma": ("ΙΩΆΝΝΗΣ@ΕΕΤΤ.GR", "ιωάννης@εεττ.gr", "ιωάννης@εεττ.gr"),
    "inner sigma": ("ΓΙΆΝΝΗΣ.ΠΑΠΆΣ@εεττ.gr", "γιάννης.παπάς@εεττ.gr", "γιάννης.παπάς@εεττ.gr"),
    "sigma as a word": ("Σ.ΠΑΠΆΣ@εεττ.gr", "σ.παπάς@εεττ.gr", "σ.παπάς@εεττ.gr"),
    "dotted capital": ("\u0130pek@example.com", "i\u0307pek@example.com", "i\u0307pek@example.com"),
}
# Pairs that look alike or are read alike by some providers, and are not the same.
DIFFERENT = {
    "tag": ("ada@example.com", "ada+shop@example.com"),
    "dot": ("ada.lovelace@gmail.com", "adalovelace@gmail.com"),
    "accent": ("jose@example.com", "jos\u00e9@example.com"),
    "sharp s": ("ada@stra\u00dfe.de", "ada@strasse.de"),
    "sharp s before the at": ("strau\u00df@example.com", "strauss@example.com"),
    # As IDNA has them: two names that anybody may hold.
    "final sigma after the at": ("ada@παπάς.gr", "ada@παπάσ.gr"),
    "another script": ("ada@example.com", "\u0430d\u0430@example.com"),
    "subdomain": ("ada@example.com", "ada@mail.example.com"),
    "wildcard": ("a_a@example.com", "aba@example.com"),
}

either_order = pytest.mark.parametrize("reverse", [False, True], ids=["", "the other way"])


def register_at(http: httpx.Client, email: str) -> httpx.Response:
    return http.post("/auth/register", json={"email": email, "password": PASSWORD})


def log_in(http: httpx.Client, email: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": email, "password": PASSWORD})


@pytest.mark.parametrize("address", VALID)
def test_a_valid_address_registers(http: httpx.Client, address: str) -> None:
    response = register_at(http, address)
    assert response.status_code == 201, response.text
    kept = response.json()["user"]["email"]
    assert kept == kept.lower() == unicodedata.normalize("NFC", kept)
    assert "@xn--" not in kept


@pytest.mark.parametrize("address", INVALID_BY_KIND.values(), ids=INVALID_BY_KIND)
def test_an_invalid_address_is_refused(http: httpx.Client, sql: Sql, address: str) -> None:
    problem = assert_problem(register_at(http, address), 422, "validation_error")
    assert problem["errors"].keys() == {"email"}
    assert sql("SELECT count(*) FROM users") == [(0,)]


@either_order
@pytest.mark.parametrize(("one", "other", "kept"), SPELLINGS.values(), ids=SPELLINGS)
def test_two_spellings_are_one_address(
    http: httpx.Client, one: str, other: str, kept: str, reverse: bool
) -> None:
    first, second = (other, one) if reverse else (one, other)
    assert register_at(http, first).json()["user"]["email"] == kept
    assert_problem(register_at(http, second), 409, "email_taken")
    assert log_in(http, second).json()["user"]["email"] == kept


@pytest.mark.parametrize(("one", "other", "kept"), SPELLINGS.values(), ids=SPELLINGS)
def test_an_address_as_it_is_kept_is_read_as_itself(
    http: httpx.Client, one: str, other: str, kept: str
) -> None:
    register_at(http, kept)
    assert log_in(http, kept).json()["user"]["email"] == kept


@pytest.mark.parametrize("spelling", ["ADA@B\u00dcCHER.DE", "ada@xn--bcher-kva.de"])
def test_the_token_endpoint_reads_any_spelling(
    http: httpx.Client, register: People, spelling: str
) -> None:
    register(email="ada@b\u00fccher.de")
    form = {"grant_type": "password", "username": spelling, "password": PASSWORD}
    assert http.post("/auth/token", data=form).status_code == 200


@either_order
@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_addresses_that_only_look_alike_are_different_people(
    http: httpx.Client, one: str, other: str, reverse: bool
) -> None:
    first, second = (other, one) if reverse else (one, other)
    ids = {register_at(http, email).json()["user"]["id"] for email in (first, second)}
    assert len(ids) == 2
