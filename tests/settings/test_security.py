"""The settings about the keys that sign, and the programs that a browser lets call."""

import json
import secrets
from typing import Any

import pytest

from tests.settings.given import GOOD, SECRET, WEAK_SECRETS, Load, complaint, faulty_keys

RING = {"2026-08": SECRET, "_b": secrets.token_urlsafe()}
# None of which may be repeated in what is said of it.
NO_RINGS: list[Any] = [
    *("hunter2", "[]", "null", '"hunter2"', "{", '{"hunter2": 1}', 5, True, ["hunter2"], None),
    *({"a": name} for name in (None, 5, ["hunter2"], {"hunter2": SECRET})),
    *({name: SECRET} for name in ("", "a/b", "..", "a b", "é", "a\n", "hunter2" * 5)),
    # Those would be a name for what is no key of the ring.
    {"SECRET_KEY": SECRET},
]

ORIGINS = [
    *("https://app.example.com", "http://localhost:3000", "https://a.example:8443"),
    *("http://127.0.0.1", "http://[::1]:3000", "capacitor://localhost", "https://xn--e1afmkfd.org"),
    *("http://a.example:443", "https://a.example:80"),
]
NO_ORIGINS: list[Any] = [
    *("*", "null", "hunter2", "//hunter2.org", "https://hunter2.org/", "https://hunter2.org/app"),
    *("https://*.hunter2.org", "https://hunter2@a.example", "https://hunter2.org?", "https://"),
    *("https://hunter2.org#", "https://Hunter2.org", "https://é.hunter2.org", "https://h:hunter2"),
    *("https://hunter2.org:443", "http://hunter2.org:80", "https://hunter2.org:0", "https://h:"),
    *("https://hunter2.org\n", "https://a .hunter2.org", "https://hunter2.org\\", "", 5, None),
    *(["https://hunter2.org"], {"hunter2": 1}),
]


def signed_by(name: Any, ring: Any = RING) -> dict[str, Any]:
    return GOOD | {"JWT_KEYS": ring, "JWT_SIGNING_KEY": name}


def test_there_is_no_ring_unless_one_is_set(load: Load) -> None:
    assert load(GOOD).items() >= {"JWT_KEYS": {}, "JWT_SIGNING_KEY": ""}.items()


@pytest.mark.parametrize("name", [*RING, "SECRET_KEY"])
def test_a_key_of_the_ring_or_the_one_beside_it_may_sign(load: Load, name: str) -> None:
    loaded = load(signed_by(name))
    assert (loaded["JWT_KEYS"], loaded["JWT_SIGNING_KEY"]) == (RING, name)


def test_the_environment_can_hold_the_ring(load: Load) -> None:
    environ = {"REFERRAL_JWT_KEYS": json.dumps(RING), "REFERRAL_JWT_SIGNING_KEY": "_b"}
    assert load(GOOD, **environ)["JWT_KEYS"] == RING


def test_an_empty_variable_is_no_ring(load: Load) -> None:
    assert load(GOOD, REFERRAL_JWT_KEYS="")["JWT_KEYS"] == {}


@pytest.mark.parametrize("ring", NO_RINGS, ids=ascii)
def test_what_is_no_ring_is_told_without_repeating_it(load: Load, ring: Any) -> None:
    message = complaint(load, signed_by("a", ring))
    assert faulty_keys(message) == ["JWT_KEYS"]
    assert "hunter2" not in message
    assert SECRET not in message


@pytest.mark.parametrize("secret", WEAK_SECRETS)
def test_a_weak_key_is_refused(load: Load, secret: str) -> None:
    message = complaint(load, signed_by("_b", RING | {"weak": secret}))
    assert faulty_keys(message) == ["JWT_KEYS"]
    assert not secret.strip() or secret not in message


@pytest.mark.parametrize("ring", [RING, {}], ids=["a ring", "no ring"])
@pytest.mark.parametrize("name", ["hunter2", "2026", "secret_key"])
def test_what_names_no_key_cannot_sign(load: Load, ring: dict[str, str], name: str) -> None:
    message = complaint(load, signed_by(name, ring))
    assert faulty_keys(message) == ["JWT_SIGNING_KEY"]
    assert "hunter2" not in message


def test_a_ring_must_say_which_key_signs(load: Load) -> None:
    assert faulty_keys(complaint(load, GOOD | {"JWT_KEYS": RING})) == ["JWT_SIGNING_KEY"]


def test_no_origin_is_let_in_unless_it_is_listed(load: Load) -> None:
    assert load(GOOD)["CORS_ORIGINS"] == []


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n"])
def test_the_environment_lists_origins_with_something_between_them(
    load: Load, separator: str
) -> None:
    loaded = load(GOOD | {"CORS_ORIGINS": ORIGINS})
    assert loaded["CORS_ORIGINS"] == ORIGINS
    assert load(GOOD, REFERRAL_CORS_ORIGINS=separator.join(ORIGINS)) == loaded


def test_an_empty_variable_lists_no_origin(load: Load) -> None:
    assert load(GOOD, REFERRAL_CORS_ORIGINS="")["CORS_ORIGINS"] == []


@pytest.mark.parametrize("value", NO_ORIGINS, ids=ascii)
def test_what_no_browser_sends_as_an_origin_is_told_without_repeating_it(
    load: Load, value: Any
) -> None:
    message = complaint(load, GOOD | {"CORS_ORIGINS": [ORIGINS[0], value]})
    assert faulty_keys(message) == ["CORS_ORIGINS"]
    assert "hunter2" not in message.lower()


@pytest.mark.parametrize("value", [5, True, {"https://hunter2.org": 1}, "hunter2", "*", None])
def test_what_is_no_list_of_origins_is_told(load: Load, value: Any) -> None:
    message = complaint(load, GOOD | {"CORS_ORIGINS": value})
    assert faulty_keys(message) == ["CORS_ORIGINS"]
    assert "hunter2" not in message
