"""Which passwords are taken, and that all of one counts."""

from collections.abc import Callable

import httpx
import pytest

from app.schemas.base import COMMON_PASSWORDS
from tests.endings import Sql
from tests.people import People
from tests.problems import assert_problem

KEY = "\U0001f511"

GOOD = {
    "8 letters": "hgwqzrtb",
    "8 of Cyrillic": "жюэщыъфц",
    "8 of four bytes": KEY * 8,
    "128 letters": "hgwqzrtb" * 16,
    "128 of four bytes": KEY * 128,
    "128 of several parts": "e\u0301" * 64,
    "spaces around": "  spaces around  ",
    "only spaces": " " * 8,
    "control characters": "tab\tline\r\nbell\a",
    "quotes": "';--\"\\%s{}$1",
    "digits": "8402957163",
    "markup": "<script>&amp;",
}
BAD = {
    "empty": "",
    "7 letters": "hgwqzrt",
    "7 of four bytes": KEY * 7,
    "129 letters": "hgwqzrtb" * 16 + "h",
    "129 of four bytes": KEY * 129,
    "60,000 letters": "h" * 60_000,
    "NUL inside": "hgwq\0zrtb",
    "NUL at the end": "hgwqzrtb\0",
}
# From the first thousand of the passwords seen in leaks, those of 8 characters or more.
COMMONEST = """
    password 12345678 123456789 1234567890 qwertyuiop qwerty12 1q2w3e4r 1qaz2wsx iloveyou sunshine
    princess football baseball superman trustno1 password1 passw0rd starwars whatever computer
    corvette mercedes samantha midnight marlboro startrek internet hardcore butthead swordfis
    11111111 88888888 87654321 987654321 00000000 55555555 99999999 12121212 69696969 12341234
    11223344 asdfasdf asdf1234 xxxxxxxx zzzzzzzz abcdefgh jordan23 platinum qwertyui abcd1234
    changeme liverpool metallica jennifer michelle victoria danielle nicholas jonathan benjamin
    kimberly caroline patricia veronica margaret charlott williams thompson december november
    elephant mountain dolphins scorpion airborne explorer michigan einstein brooklyn rosemary
    chocolate alexander christian elizabeth christine christopher
"""
SPELLINGS: list[Callable[[str], str]] = [str.upper, str.title, str.swapcase]


def register_with(http: httpx.Client, password: object) -> httpx.Response:
    body = {"email": "ada@example.com", "password": password}
    return http.post("/auth/register", json=body)


def log_in(http: httpx.Client, email: str, password: str) -> httpx.Response:
    return http.post("/auth/login", json={"email": email, "password": password})


@pytest.mark.parametrize("password", GOOD.values(), ids=GOOD)
def test_a_password_of_8_to_128_characters_of_any_kind_is_taken(
    http: httpx.Client, password: str
) -> None:
    assert register_with(http, password).status_code == 201
    assert log_in(http, "ada@example.com", password).status_code == 200


@pytest.mark.parametrize("password", BAD.values(), ids=BAD)
def test_any_other_password_is_refused(http: httpx.Client, sql: Sql, password: str) -> None:
    problem = assert_problem(register_with(http, password), 422, "validation_error")
    assert problem["errors"].keys() == {"password"}
    assert sql("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize("password", COMMONEST.split())
def test_the_commonest_passwords_are_refused_and_told_so(http: httpx.Client, password: str) -> None:
    problem = assert_problem(register_with(http, password), 422, "validation_error")
    assert "common" in " ".join(problem["errors"]["password"])


def test_as_many_are_refused_as_is_said() -> None:
    assert len(COMMON_PASSWORDS) == 16_435


@pytest.mark.parametrize("spell", SPELLINGS)
def test_capitals_do_not_make_a_common_password_a_rare_one(
    http: httpx.Client, spell: Callable[[str], str]
) -> None:
    problem = assert_problem(register_with(http, spell("password1")), 422, "validation_error")
    assert "common" in " ".join(problem["errors"]["password"])


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("x" * 127 + "y", "x" * 128),
        ("x" * 127 + "y", "x" * 127),
        ("x" * 72 + "y", "x" * 72 + "z"),
        (KEY * 127 + "y", KEY * 128),
        (KEY * 127 + "y", KEY * 127),
        ("Capitals count", "capitals count"),
        (" spaces count ", "spaces count"),
        ("line ends count", "line ends count\n"),
    ],
)
def test_all_of_a_password_counts(
    http: httpx.Client, register: People, password: str, other: str
) -> None:
    person = register(password=password)
    assert_problem(log_in(http, person.email, other), 401, "invalid_credentials")
    assert log_in(http, person.email, password).status_code == 200
