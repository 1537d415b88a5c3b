"""Every spelling of an address has one form, the quick ones to read the same as all others."""

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from hypothesis import given
from hypothesis.strategies import from_regex
from marshmallow import ValidationError

from app.schemas.base import PLAIN_EMAIL, canonical_email, checked_email

LOCAL = r"[A-Za-z0-9]{1,6}([._+-][A-Za-z0-9]{1,6}){0,2}"
DOMAIN = r"([A-Za-z0-9]{1,6}(-[A-Za-z0-9]{1,6})?\.){1,2}[A-Za-z]{2,6}"


@given(from_regex(f"{LOCAL}@{DOMAIN}", fullmatch=True))
def test_plain_addresses_are_read_as_the_library_reads_them(address: str) -> None:
    assert PLAIN_EMAIL.fullmatch(address)
    assert canonical_email(address) == checked_email(address)


@pytest.mark.parametrize("name", SPECIAL_USE_DOMAIN_NAMES)
def test_nobody_has_an_address_of_special_use(name: str) -> None:
    for domain in (name, f"example.{name}", f"example.{name.upper()}"):
        with pytest.raises(ValidationError):
            canonical_email(f"ada@{domain}")


@pytest.mark.parametrize(
    "address",
    [
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 64}.com",
        "ada..lovelace@example.com",
        ".ada@example.com",
        "ada@-example.com",
        "ada@example-.com",
        "ada@xn--0.com",
        "ada@example.123",
        "ada@example.com\n",
        "ada@example",
    ],
)
def test_what_only_looks_plain_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        canonical_email(address)


def test_a_letter_that_becomes_a_plain_one_is_read_by_the_library() -> None:
    kelvin = "\N{KELVIN SIGN}im@example.com"
    assert canonical_email(kelvin) == checked_email(kelvin)
