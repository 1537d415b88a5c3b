"""Nothing but a living token of the right kind opens a route, whatever it is made to look like."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from flask import Flask

from app.services.mailed_tokens import Purpose
from tests.api.sessions import assert_over, let_seconds_pass, refresh
from tests.api.tokens import ANOTHER_KEY, assembled, claims_of, reminted
from tests.endings import Sql
from tests.mailed_links import minted
from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.routes import Route, routes_of
from tests.stored import stored

Forge = Callable[[Flask, str], str]
Take = Callable[[Flask, Person], str]


def under(header: dict[str, Any], key: str | None = None) -> Forge:
    """What the token says under this header; signed as the service signs, or with this key."""

    def forge(app: Flask, token: str) -> str:
        signing_key = app.config["SECRET_KEY"] if key is None else key
        return assembled(json.dumps(header), json.dumps(claims_of(token)), signing_key)

    return forge


def unsigned(algorithm: str) -> Forge:
    """What the token says, under an algorithm that signs nothing."""
    return lambda app, token: under({"alg": algorithm})(app, token).rpartition(".")[0] + "."


def with_claims(**claims: Any) -> Forge:
    return lambda app, token: reminted(app, token, **claims)


HS256 = {"alg": "HS256"}
FORGERIES: dict[str, Forge] = {
    **{f"algorithm {name}": unsigned(name) for name in ("none", "None", "NONE", "nOnE", "")},
    "none and a signature": under({"alg": "none"}),
    "none twice": lambda app, token: assembled(
        '{"alg": "HS256", "alg": "none"}', json.dumps(claims_of(token))
    ),
    # A library that takes the algorithm from the token checks one kind of signature for another.
    **{f"algorithm {name}": under({"alg": name}) for name in ("RS256", "PS256", "ES256", "EdDSA")},
    **{f"algorithm {name}": under({"alg": name}) for name in ("HS384", "HS512", "hs256", "HS-256")},
    "no algorithm": under({"typ": "JWT"}),
    "no key": under(HS256, ""),
    "a public word for a key": under(HS256, "referral"),
    "the name of the key for a key": under(HS256, "SECRET_KEY"),
    "another key": under(HS256, ANOTHER_KEY),
    "a key that comes along": under(HS256 | {"jwk": {"kty": "oct", "k": "YQ"}}, "a"),
    "a kid that is a path": under(HS256 | {"kid": "../../../../dev/null"}, ""),
    "a kid of SQL": under(HS256 | {"kid": "x' UNION SELECT 'a'--"}, "a"),
    "a kid that is a command": under(HS256 | {"kid": "x | sleep 10"}, "a"),
    "a kid that is a header": under(HS256 | {"kid": "x\r\nSet-Cookie: a=b"}, "a"),
    "five parts": lambda app, token: under({"alg": "dir", "enc": "A256GCM"})(app, token) + "..",
    "no exp": with_claims(exp=None),
    "no type": with_claims(type=None),
    "no issuer": with_claims(iss=None),
    "no audience": with_claims(aud=None),
    "another issuer": with_claims(iss="somebody-else"),
    "another audience": with_claims(aud="somebody-else"),
    "another issuer and audience": with_claims(iss="somebody-else", aud="somebody-else"),
    "another kind of token": with_claims(type="id"),
    "both types": with_claims(type=["access", "refresh"]),
    "an expiry of infinity": with_claims(exp=1e400),
    "an expiry of true": with_claims(exp=True),
    "an expiry in words": with_claims(exp="9999999999"),
    "several expiries": with_claims(exp=[9999999999]),
}
# What somebody may hold, or find, that is no access token.
OTHER_THINGS: dict[str, Take] = {
    "a refresh token": lambda _, person: person.refresh_token,
    "a link to reset": lambda app, person: minted(app, Purpose.RESET_PASSWORD, person),
    "a link to verify": lambda app, person: minted(app, Purpose.VERIFY_EMAIL, person),
    "a code": lambda _, person: person.publish()["code"],
    "an id": lambda _, person: str(person.id),
    "an address": lambda _, person: person.email,
    "a password": lambda _, person: person.password.replace(" ", "-"),
    "a session's id": lambda _, person: claims_of(person.access_token)["sid"],
}

forgeries = pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)


@forgeries
def test_no_route_takes_a_forged_token(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql, forge: Forge
) -> None:
    tokens = {"access": ada.access_token, "refresh": ada.refresh_token}
    before = stored(sql)
    for route in guarded(app):
        assert_refused(http, route, forge(app, tokens[str(route.contract.bearer)]))
    assert stored(sql) == before


@forgeries
def test_no_forged_token_is_exchanged_or_ends_a_session(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql, forge: Forge
) -> None:
    forged = forge(app, ada.refresh_token)
    before = stored(sql)
    fields = {"grant_type": "refresh_token", "refresh_token": forged}
    assert http.post("/auth/token", data=fields).json()["error"] == "invalid_grant"
    for token in (forged, forge(app, ada.access_token)):
        assert http.post("/auth/revoke", data={"token": token}).status_code == 200
    assert stored(sql) == before


@pytest.mark.parametrize("take", OTHER_THINGS.values(), ids=OTHER_THINGS)
def test_nothing_else_that_somebody_holds_opens_a_route(
    app: Flask, http: httpx.Client, ada: Person, sql: Sql, take: Take
) -> None:
    held = take(app, ada)
    before = stored(sql)
    for route in guarded(app):
        if held != ada.refresh_token or route.contract.bearer == "access":
            assert_refused(http, route, held)
    assert stored(sql) == before


def test_what_is_made_of_a_token_without_a_change_opens_every_route(
    app: Flask, http: httpx.Client, register: People
) -> None:
    """Or the forgeries would be refused for another reason than the one they are made for."""
    for route in guarded(app):
        person = register()
        tokens = {"access": person.access_token, "refresh": person.refresh_token}
        token = under(HS256)(app, tokens[str(route.contract.bearer)])
        answer = http.request(route.method, route.path, headers=bearer(token))
        assert answer.status_code != 401, route


def test_whichever_way_a_stolen_token_comes_back_its_session_ends(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": ada.refresh_token}
    stolen = refresh(http, ada.refresh_token).json()
    let_seconds_pass(sql, 11)
    assert http.post("/auth/token", data=fields).json()["error"] == "invalid_grant"
    assert_over(http, stolen["access_token"], stolen["refresh_token"])


def assert_refused(http: httpx.Client, route: Route, token: str) -> None:
    answer = http.request(route.method, route.path, headers=bearer(token))
    assert_problem(answer, 401, "token_invalid")


def guarded(app: Flask) -> list[Route]:
    """All routes that ask for a token."""
    routes = [route for route in routes_of(app) if route.contract.bearer]
    assert len(routes) > 10
    return routes
