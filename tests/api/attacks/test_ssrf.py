"""The service asks those whom its settings name, wherever answers and requests point."""

import json
from collections.abc import Callable, Iterator
from socket import create_server
from typing import Any

import httpx
import pytest
from flask import Flask

from app.clients import OutsideError
from app.clients.http import get_json
from tests.api.test_profiles import clearbit, look_up, profile_of
from tests.api.tokens import ANOTHER_KEY, assembled, claims_of
from tests.inbox import Inbox
from tests.mailed_links import ask_for_reset
from tests.people import PASSWORD, People, bearer
from tests.stub_server import StubServer, gives, redirects, sends

__all__ = ["clearbit", "look_up"]

# Where a redirect may point: {} is the place of a server inside.
ELSEWHERE = [
    "http://{}/",
    "//{}/",
    "/again",
    "https://{}/",
    "http://user:password@{}/",
    "http:\\\\{}\\",
    "gopher://{}/_GET%20/",
    "dict://{}/info",
    "ftp://{}/",
    "ldap://{}/",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "\thttp://{}/",
]
# Headers by which an answer of 200 may point elsewhere as well.
POINTERS = {
    "Location": "http://{}/",
    "Content-Location": "http://{}/",
    "Refresh": "0; url=http://{}/",
    "Link": "<http://{}/>; rel=preload",
    "Alt-Svc": 'h2="{}", http/1.1="{}"',
    "Proxy-Authenticate": 'Basic realm="http://{}/"',
}
# By which a token may say where its key is (RFC 7515).
KEY_POINTERS = ["jku", "x5u", "jwk", "kid", "x5c", "iss"]


@pytest.fixture
def inside() -> Iterator[StubServer]:
    """A server that none but its own are to reach."""
    with StubServer() as server:
        yield server


@pytest.fixture
def outside() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


def place_of(server: StubServer) -> str:
    return httpx.URL(server.url()).netloc.decode()


@pytest.mark.parametrize("location", ELSEWHERE)
@pytest.mark.parametrize("status", [301, 307])
def test_no_redirect_leads_anywhere(
    inside: StubServer, outside: StubServer, location: str, status: int
) -> None:
    outside.answer = redirects(location.format(place_of(inside)), status)
    answer = get_json(outside.url(), params={}, token="secret", seconds=2)
    assert (answer.status, answer.body) == (status, None)
    assert len(outside.received) == 1
    assert inside.received == []


@pytest.mark.parametrize("header", POINTERS)
def test_no_header_of_an_answer_leads_anywhere(
    inside: StubServer, outside: StubServer, header: str
) -> None:
    pointer = POINTERS[header].replace("{}", place_of(inside))
    outside.answer = sends(b"{}", 200, **{header.replace("-", "_"): pointer})
    for _ in range(2):
        assert get_json(outside.url(), params={}, token="secret", seconds=2).body == {}
    assert len(outside.received) == 2
    assert inside.received == []


@pytest.mark.parametrize("scheme", ["gopher", "dict", "ftp", "ldap", "smtp", "telnet", "ws"])
def test_nobody_is_asked_but_over_http(scheme: str) -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/_x"
        with pytest.raises(OutsideError):
            get_json(url, params={}, token="secret", seconds=0.5)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_no_url_in_a_profile_is_fetched(
    http: httpx.Client,
    clearbit: StubServer,
    inside: StubServer,
    look_up: Callable[[], None],
    register: People,
    inbox: Inbox,
) -> None:
    profile = {"person": everywhere(inside.url()), "company": everywhere(inside.url())}
    clearbit.answer = gives(profile | everywhere(inside.url()))
    person = register()
    look_up()
    assert profile_of(person) == profile
    ask_for_reset(http, person.email)
    inbox.deliver()
    assert inside.received == []
    assert len(clearbit.received) == 1


@pytest.mark.parametrize("pointer", KEY_POINTERS)
def test_no_token_has_its_key_fetched(
    app: Flask, http: httpx.Client, inside: StubServer, register: People, pointer: str
) -> None:
    person = register()
    url = inside.url()
    for value in (url, [url], {"kty": "oct", "k": url}):
        for key in (ANOTHER_KEY, app.config["SECRET_KEY"]):
            header = {"alg": "RS256" if key == ANOTHER_KEY else "HS256", pointer: value}
            token = assembled(json.dumps(header), json.dumps(claims_of(person.access_token)), key)
            http.get("/auth/me", headers=bearer(token))
    assert inside.received == []


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded", "Referer", "Origin"])
def test_no_header_of_a_request_leads_anywhere(
    http: httpx.Client, inside: StubServer, inbox: Inbox, header: str
) -> None:
    value = f"host={place_of(inside)}" if header == "Forwarded" else place_of(inside)
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert http.post("/auth/register", json=body, headers={header: value}).status_code == 201
    assert http.get("/openapi.json", headers={header: value}).status_code == 200
    (mail,) = inbox.mails("ada@example.com")
    assert place_of(inside) not in mail.as_string()
    assert inside.received == []


def everywhere(url: str) -> dict[str, Any]:
    """A profile that points there by every name for it."""
    names = ("avatar", "logo", "url", "href", "site", "$ref", "@id", "image", "redirect_uri")
    return dict.fromkeys(names, url) | {"html": f'<img src="{url}">', "xml": f'<!ENTITY x "{url}">'}
