"""Who may come in with what: only with an access token of this service, alive and unchanged."""

from collections.abc import Callable

import httpx
import pytest
from flask import Flask

from tests.api.tokens import ANOTHER_KEY, assembled, claims_of, expired, reminted
from tests.endings import Sql
from tests.people import People, Person, bearer
from tests.problems import assert_problem

HEADER = '{"alg": "HS256", "typ": "JWT"}'
# What anybody can write without knowing the key.
NONSENSE = {
    "one word": "nonsense",
    "two words": "two words",
    "dots": "..",
    "three parts": "a.b.c",
    "four parts": "a.b.c.d",
    "no base64": "%%%.%%%.%%%",
    "latin-1": "caf\u00e9.caf\u00e9.caf\u00e9",
    "padding": "====",
    "very long": "x" * 20_000,
    "no JSON": assembled("{", "{"),
    "header a list": assembled("[]", "{}"),
    "header a number": assembled("1", "{}"),
    "payload a list": assembled(HEADER, "[]"),
    "payload a string": assembled(HEADER, '"sub"'),
    "payload null": assembled(HEADER, "null"),
    "no claims": assembled(HEADER, "{}"),
    "no algorithm": assembled("{}", "{}"),
    "algorithm a list": assembled('{"alg": ["HS256"]}', "{}"),
    "algorithm null": assembled('{"alg": null}', "{}"),
    "kid a number": assembled('{"alg": "HS256", "kid": 1}', "{}"),
    "critical extension": assembled('{"alg": "HS256", "crit": ["b64"], "b64": false}', "{}"),
    "deep header": assembled("[" * 20_000 + "]" * 20_000, "{}"),
    "deep payload": assembled(HEADER, '{"sub": ' + "[" * 20_000 + "]" * 20_000 + "}"),
    "deep object": assembled(HEADER, '{"a":' * 5_000 + "1" + "}" * 5_000),
    "unclosed depth": assembled(HEADER, "[" * 20_000),
    "huge number": assembled(HEADER, '{"exp": ' + "9" * 10_000 + "}"),
    "infinite expiry": assembled(HEADER, '{"exp": Infinity}'),
    "NUL": assembled(HEADER, '{"sub": "\\u0000"}'),
    "lone surrogate": assembled(HEADER, '{"sub": "\\ud800"}'),
}
# What was signed, or is said to have been, and still is no access token of this service.
FORGERIES: dict[str, Callable[[Flask, str], str]] = {
    "another key": lambda app, token: reminted(app, token, key=ANOTHER_KEY),
    "unsigned": lambda app, token: reminted(app, token, algorithm="none"),
    "signature cut off": lambda app, token: token.rpartition(".")[0] + ".",
    "signature of another token": lambda app, token: (
        token.rpartition(".")[0] + "." + expired(app, token).rpartition(".")[2]
    ),
    "another algorithm": lambda app, token: reminted(app, token, algorithm="HS512"),
    "no exp": lambda app, token: reminted(app, token, exp=None),
    "no type": lambda app, token: reminted(app, token, type=None),
    "no sub": lambda app, token: reminted(app, token, sub=None),
    "no session": lambda app, token: reminted(app, token, sid=None),
    "no jti": lambda app, token: reminted(app, token, jti=None),
    "no issuer": lambda app, token: reminted(app, token, iss=None),
    "no audience": lambda app, token: reminted(app, token, aud=None),
    "another type": lambda app, token: reminted(app, token, type="reset"),
    "type refresh": lambda app, token: reminted(app, token, type="refresh"),
    "type a list": lambda app, token: reminted(app, token, type=["access"]),
    "another issuer": lambda app, token: reminted(app, token, iss="somebody-else"),
    "another audience": lambda app, token: reminted(app, token, aud="somebody-else"),
    "sub no number": lambda app, token: reminted(app, token, sub="ada"),
    "session no UUID": lambda app, token: reminted(app, token, sid="1"),
    "session a number": lambda app, token: reminted(app, token, sid=1),
    "of the future": lambda app, token: reminted(app, token, nbf=claims_of(token)["exp"]),
}
ACCESS_TOKEN_AS = {
    "Bearer only": "Bearer",
    "no scheme": "{}",
    "another scheme": "Token {}",
    "basic": "Basic {}",
    "basic credentials": "Basic YWRhQGV4YW1wbGUuY29tOnBhc3N3b3Jk",
    "a parameter": 'Bearer token="{}"',
    "quoted": 'Bearer "{}"',
    "twice": "Bearer {0} {0}",
    "a list": "Bearer {0}, Bearer {0}",
    "a colon": "Bearer: {}",
}


def ask(http: httpx.Client, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    return http.get("/auth/me", headers=headers)


def assert_invalid(response: httpx.Response) -> None:
    assert_problem(response, 401, "token_invalid")
    assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_read_in_any_case(http: httpx.Client, ada: Person, scheme: str) -> None:
    assert ask(http, f"{scheme} {ada.access_token}").json()["id"] == ada.id


def test_no_token_is_a_missing_token(http: httpx.Client) -> None:
    response = ask(http, None)
    assert_problem(response, 401, "token_missing")
    # RFC 6750, section 3.1: no error is named to somebody who sent nothing.
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("form", ACCESS_TOKEN_AS.values(), ids=ACCESS_TOKEN_AS)
def test_an_access_token_in_another_form_is_refused(
    http: httpx.Client, ada: Person, form: str
) -> None:
    response = ask(http, form.format(ada.access_token))
    assert response.status_code == 401
    assert response.json()["code"] in {"token_missing", "token_invalid"}
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused(http: httpx.Client, token: str) -> None:
    assert_invalid(ask(http, f"Bearer {token}"))


@pytest.mark.parametrize("token", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_as_a_refresh_token_too(http: httpx.Client, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    assert_invalid(http.post("/auth/refresh", headers=headers))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_refused(
    http: httpx.Client, app: Flask, ada: Person, forge: Callable[[Flask, str], str]
) -> None:
    assert_invalid(ask(http, f"Bearer {forge(app, ada.access_token)}"))


def test_a_token_minted_anew_without_a_change_is_accepted(
    http: httpx.Client, app: Flask, ada: Person
) -> None:
    """Or the forgeries would be refused for another reason than the one they are made for."""
    assert ask(http, f"Bearer {reminted(app, ada.access_token)}").json()["id"] == ada.id


def test_an_expired_token_is_refused(http: httpx.Client, app: Flask, ada: Person) -> None:
    response = ask(http, f"Bearer {expired(app, ada.access_token)}")
    assert_problem(response, 401, "token_expired")
    assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_an_expired_token_of_another_key_is_not_called_expired(
    http: httpx.Client, app: Flask, ada: Person
) -> None:
    assert_invalid(ask(http, f"Bearer {reminted(app, ada.access_token, key=ANOTHER_KEY, exp=1)}"))


def test_a_revoked_token_is_refused(http: httpx.Client, ada: Person) -> None:
    ada.post("/auth/logout")
    response = ask(http, f"Bearer {ada.access_token}")
    assert_problem(response, 401, "token_revoked")
    assert response.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


def test_a_token_of_a_session_that_never_was_is_refused(
    http: httpx.Client, ada: Person, sql: Sql
) -> None:
    sql("TRUNCATE users CASCADE")
    assert_problem(ask(http, f"Bearer {ada.access_token}"), 401, "token_revoked")


def test_a_session_does_not_let_anybody_else_in(
    http: httpx.Client, app: Flask, ada: Person, register: People
) -> None:
    token = reminted(app, ada.access_token, sub=str(register().id))
    assert_problem(ask(http, f"Bearer {token}"), 401, "token_revoked")


def test_a_refresh_token_is_no_access_token(http: httpx.Client, ada: Person) -> None:
    assert_invalid(ask(http, f"Bearer {ada.refresh_token}"))


def test_a_referral_code_is_no_access_token(http: httpx.Client, ada: Person) -> None:
    assert_invalid(ask(http, f"Bearer {ada.publish()['code']}"))


@pytest.mark.parametrize("name", ["access_token", "token", "jwt"])
def test_a_token_in_the_query_is_not_read(http: httpx.Client, ada: Person, name: str) -> None:
    response = http.get("/auth/me", params={name: ada.access_token})
    assert_problem(response, 401, "token_missing")


@pytest.mark.parametrize("name", ["access_token_cookie", "access_token"])
def test_a_token_in_a_cookie_is_not_read(http: httpx.Client, ada: Person, name: str) -> None:
    response = http.get("/auth/me", headers={"Cookie": f"{name}={ada.access_token}"})
    assert_problem(response, 401, "token_missing")


def test_a_refused_token_changes_nothing(http: httpx.Client, ada: Person) -> None:
    headers = bearer(ada.refresh_token)
    response = http.post("/referral/code", headers=headers, json={"lifetime_minutes": 60})
    assert_invalid(response)
    assert ada.get("/referral/codes").json()["codes"] == []


def test_a_token_is_checked_before_the_body(http: httpx.Client) -> None:
    response = http.post("/referral/code", headers=bearer("nonsense"), json={"no": "code"})
    assert_invalid(response)


def test_session_and_user_are_read_in_one_statement(ada: Person, statements: Callable) -> None:
    with statements() as ran:
        ada.get("/referral/code")
    to_authenticate, to_find_the_code = ran
    assert to_authenticate != to_find_the_code
