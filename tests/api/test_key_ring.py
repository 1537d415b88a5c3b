"""Which keys sign tokens, which only verify them, and how one takes over from another."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app import create_app
from app.settings import load_settings
from tests.api.tokens import ANOTHER_KEY, assembled, claims_of
from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.serving import served

OLD, NEW = secrets.token_urlsafe(), secrets.token_urlsafe()
NO_RING: dict[str, Any] = {}
ONLY_OLD = {"JWT_KEYS": {"old": OLD}, "JWT_SIGNING_KEY": "old"}
OLD_SIGNS = {"JWT_KEYS": {"old": OLD, "new": NEW}, "JWT_SIGNING_KEY": "old"}
NEW_SIGNS = {"JWT_KEYS": {"old": OLD, "new": NEW}, "JWT_SIGNING_KEY": "new"}
ONLY_NEW = {"JWT_KEYS": {"new": NEW}, "JWT_SIGNING_KEY": "new"}
NEW_BESIDE_SECRET_KEY = {"JWT_KEYS": {"new": NEW}, "JWT_SIGNING_KEY": "SECRET_KEY"}
# Each pair meets on two nodes while one of them has had its settings changed and the other not.
STEPS = {
    "an old key": [ONLY_OLD, OLD_SIGNS, NEW_SIGNS, ONLY_NEW],
    "SECRET_KEY": [NO_RING, NEW_BESIDE_SECRET_KEY, ONLY_NEW],
}
NO_KIDS: dict[str, Any] = {
    "unknown": "another",
    "empty": "",
    "another case": "NEW",
    "of SECRET_KEY": "SECRET_KEY",
    "a path": "../../../../dev/null",
    "of SQL": "new' OR '1'='1",
    "a lone surrogate": "\ud800",
    "very long": "new" * 2000,
    "null": None,
    "a number": 1,
    "true": True,
    "a list": ["new"],
    "an object": {"new": "new"},
}

Node = Callable[[dict[str, Any]], httpx.Client]


def test_without_a_ring_tokens_name_no_key(node: Node) -> None:
    assert kids(People(node(NO_RING))()) == [None, None]


def test_the_signing_key_signs_and_is_named(node: Node) -> None:
    person = People(node(NEW_SIGNS))()
    assert kids(person) == ["new", "new"]
    for token in (person.access_token, person.refresh_token):
        assert jwt.decode(token, NEW, ["HS256"], audience="referral")["sub"] == str(person.id)


def test_the_other_keys_only_verify(node: Node) -> None:
    person = People(node(ONLY_OLD))()
    http = node(NEW_SIGNS)
    assert me(http, person).json()["id"] == person.id
    refreshed = refresh(http, person).json()
    assert jwt.get_unverified_header(refreshed["access_token"])["kid"] == "new"


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_no_step_of_a_rotation_refuses_a_token_of_the_step_before_or_after(
    node: Node, steps: list[dict[str, Any]]
) -> None:
    for before, after in pairwise(steps):
        for issuer, reader in ((before, after), (after, before)):
            person, http = People(node(issuer))(), node(reader)
            assert me(http, person).status_code == 200
            assert refresh(http, person).status_code == 200


def test_a_token_from_before_the_first_ring_is_still_accepted(node: Node) -> None:
    person = People(node(NO_RING))()
    assert me(node(ONLY_NEW), person).json()["id"] == person.id


def test_a_key_taken_out_stops_working(node: Node) -> None:
    person = People(node(ONLY_OLD))()
    http = node(ONLY_NEW)
    assert_problem(me(http, person), 401, "token_invalid")
    assert_problem(refresh(http, person), 401, "token_invalid")


def test_a_token_of_a_key_taken_out_ends_no_session(node: Node) -> None:
    old = node(ONLY_OLD)
    person = People(old)()
    response = node(ONLY_NEW).post("/auth/revoke", data={"token": person.refresh_token})
    assert response.status_code == 200
    assert me(old, person).status_code == 200


@pytest.mark.parametrize("settings", [NO_RING, NEW_SIGNS], ids=["no ring", "a ring"])
@pytest.mark.parametrize("kid", NO_KIDS.values(), ids=NO_KIDS)
def test_a_kid_that_names_no_key_is_refused(
    node: Node, secret_key: str, settings: dict[str, Any], kid: Any
) -> None:
    http = node(settings)
    person = People(http)()
    key = settings.get("JWT_KEYS", {}).get("new", secret_key)
    token = with_header(person.access_token, key, kid=kid)
    assert_problem(http.get("/auth/me", headers=bearer(token)), 401, "token_invalid")


@pytest.mark.parametrize("kid", ["old", "new", None])
def test_a_token_signed_by_another_key_than_it_names_is_refused(
    node: Node, secret_key: str, kid: str | None
) -> None:
    http = node(NEW_SIGNS)
    person = People(http)()
    keys = {"old": OLD, "new": NEW, None: secret_key}
    named = {} if kid is None else {"kid": kid}
    for key in {*keys.values(), ANOTHER_KEY} - {keys[kid]}:
        token = with_header(person.access_token, key, **named)
        assert_problem(http.get("/auth/me", headers=bearer(token)), 401, "token_invalid")
    right = with_header(person.access_token, keys[kid], **named)
    assert http.get("/auth/me", headers=bearer(right)).status_code == 200


@pytest.fixture(scope="module")
def node(settings_file: Path) -> Iterator[Node]:
    """A client of the service with these settings; all of them share one database."""
    clients: dict[str, httpx.Client] = {}
    with ExitStack() as stack:

        def client_of(settings: dict[str, Any]) -> httpx.Client:
            name = str(settings)
            if name not in clients:
                url = stack.enter_context(served(create_app(with_keys(settings_file, settings))))
                client = httpx.Client(base_url=url, timeout=30, verify=False)
                clients[name] = stack.enter_context(client)
            return clients[name]

        yield client_of


@pytest.fixture
def secret_key(settings_file: Path) -> str:
    return json.loads(settings_file.read_text())["SECRET_KEY"]


def with_keys(settings_file: Path, keys: dict[str, Any]) -> dict[str, Any]:
    """What the environment can say."""
    environ = {"REFERRAL_SETTINGS": str(settings_file)}
    if keys:
        environ["REFERRAL_JWT_KEYS"] = json.dumps(keys["JWT_KEYS"])
        environ["REFERRAL_JWT_SIGNING_KEY"] = keys["JWT_SIGNING_KEY"]
    return load_settings(environ)


def me(http: httpx.Client, person: Person) -> httpx.Response:
    return http.get("/auth/me", headers=bearer(person.access_token))


def refresh(http: httpx.Client, person: Person) -> httpx.Response:
    return http.post("/auth/refresh", headers=bearer(person.refresh_token))


def kids(person: Person) -> list[Any]:
    """The keys that this person's tokens name."""
    tokens = (person.access_token, person.refresh_token)
    return [jwt.get_unverified_header(token).get("kid") for token in tokens]


def with_header(token: str, key: str, **header: Any) -> str:
    """The token's claims under another header, signed with this key."""
    whole = {"alg": "HS256", "typ": "JWT"} | header
    return assembled(json.dumps(whole), json.dumps(claims_of(token)), key)
