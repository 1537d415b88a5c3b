"""Of what a request says of its way here, only what trusted proxies have added is believed."""

import httpx
import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from app.api.proxies import Proxies
from app.settings import Settings
from tests.api.behind_a_proxy import Allow, allow, app, base_url

__all__ = ["allow", "app", "base_url"]

PEER, FIRST, SECOND = "192.0.2.1", "203.0.113.9", "203.0.113.10"


@Request.application
def echo(request: Request) -> Response:
    """Says from where, how and for which path it was called."""
    return Response(f"{request.scheme} {request.remote_addr} {request.path}")


def seen(trusted: int, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    peer = {"REMOTE_ADDR": PEER}
    return Client(Proxies(echo, trusted)).get("/", headers=named, environ_base=peer).text


@pytest.mark.parametrize(
    ("trusted", "header", "address"),
    [
        (0, FIRST, PEER),
        (0, f"{FIRST}, {SECOND}", PEER),
        (1, FIRST, FIRST),
        (1, f"10.0.0.1, {FIRST}", FIRST),
        (1, f"10.0.0.1,10.0.0.2 ,{FIRST}", FIRST),
        (1, "", PEER),
        (2, f"10.0.0.1, {FIRST}, {SECOND}", FIRST),
        (2, FIRST, PEER),
    ],
)
def test_the_address_is_the_one_that_the_trusted_proxies_have_added(
    trusted: int, header: str, address: str
) -> None:
    assert seen(trusted, X_Forwarded_For=header) == f"http {address} /"


@pytest.mark.parametrize("claim", ['"', '"10.0.0.1', 'a"b"c"', '"\\', '\\"', ",,", '", "', ' " '])
def test_nothing_that_a_client_claims_hides_what_a_proxy_adds(claim: str) -> None:
    assert seen(1, X_Forwarded_For=f"{claim}, {FIRST}") == f"http {FIRST} /"


@pytest.mark.parametrize(("trusted", "scheme"), [(0, "http"), (1, "https")])
def test_the_scheme_is_believed_of_trusted_proxies_only(trusted: int, scheme: str) -> None:
    assert seen(trusted, X_Forwarded_Proto="https") == f"{scheme} {PEER} /"
    assert seen(trusted, X_Forwarded_Proto='"http, https') == f"{scheme} {PEER} /"


@pytest.mark.parametrize("name", ["Host", "Prefix", "Port", "Server"])
def test_no_other_header_is_believed(name: str) -> None:
    forged = {f"X-Forwarded-{name}": "/x", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1"}
    assert seen(1, **forged) == f"http {PEER} /"


def test_a_forged_header_moves_no_limit(base_url: str, allow: Allow) -> None:
    allow("LOOK_UP", "1 per hour")
    answers = [
        httpx.get(
            f"{base_url}/referral/code/by-email?email=a@b.io",
            headers={"X-Forwarded-For": f"{claim}{FIRST}"},
            trust_env=False,
        )
        for claim in ("", "10.0.0.1, ", '"10.0.0.2, ')
    ]
    assert [answer.status_code for answer in answers] == [404, 429, 429]


def test_no_proxy_is_trusted_by_default() -> None:
    assert Settings().fields["TRUSTED_PROXIES"].load_default == 0
