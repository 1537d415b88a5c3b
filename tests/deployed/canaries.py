"""Words that nobody else would write, planted where secrets stand, and looked for afterwards."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from math import ceil
from secrets import token_hex
from socket import create_connection
from typing import Any
from urllib.parse import quote

import httpx

from tests.people import bearer
from tests.routes import Route


class Canaries:
    """What must not be logged, and where each was planted."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def word(self, place: str) -> str:
        return self.add(place, "canary" + token_hex(6))

    def address(self, place: str) -> str:
        return self.word(place) + "@example.com"

    def token(self, place: str) -> str:
        """As long as tokens are."""
        return self.word(place).ljust(43, "x")

    def add(self, place: str, secret: str) -> str:
        """Look for this as well."""
        self._places[secret] = place
        return secret

    def found_in(self, text: str) -> list[str]:
        """Where those were planted that are in the text, in whatever form."""
        lower = text.lower()
        return [
            place
            for secret, place in self._places.items()
            if secret.lower() in lower
            or quote(secret, safe="").lower() in lower
            or any(form in text for form in _in_base64(secret))
        ]


def _in_base64(secret: str) -> Iterator[str]:
    """What the base64 of a longer text has for it, whatever stands before and behind."""
    for before in range(3):
        padded = b"\0" * before + secret.encode()
        inner = slice(ceil(before * 8 / 6), len(padded) * 8 // 6)
        yield b64encode(padded).decode()[inner]
        yield urlsafe_b64encode(padded).decode()[inner]


def plant_everywhere(
    http: httpx.Client, routes: Sequence[Route], token: str, canaries: Canaries
) -> None:
    """Ask every route in every bad way, as a stranger and with this access token."""
    for route in routes:
        for body in _bodies(route, canaries):
            for authorization in _authorizations(route, token, canaries):
                headers = _headers(str(route), canaries) | authorization | body.get("headers", {})
                paths = {route.path, route.with_id(canaries.address(f"id of {route}"))}
                for path in paths:
                    request = body | {"headers": headers, "params": _query(route, canaries)}
                    http.request(route.method, path, **request)


def plant_in_odd_requests(http: httpx.Client, canaries: Canaries) -> None:
    """Ask for what there is not."""
    for path in ("/", "/static/", "/api/v1/auth/", "/reset-password/", "/metrics/"):
        http.get(path + canaries.address(f"behind {path}"))
        http.get(f"{path}{canaries.token(f'behind {path}')}/x")
    http.request(canaries.word("method").upper(), "/auth/me")


def plant_in_bad_http(port: int, canaries: Canaries) -> None:
    """Send what gunicorn itself refuses."""
    secret = canaries.word("bad HTTP")
    host = "Host: localhost\r\n"
    for bad in (
        f"\x16\x03\x01 {secret}",
        f"GET /?email={secret} HTTP/9.9",
        f"GET /healthz HTTP/1.1\r\n{secret} header: {secret}",
        f"GET /healthz HTTP/1.1\r\n{host}X: {secret * 1000}",
        f"GET /{secret * 1000} HTTP/1.1",
        f"GET /healthz HTTP/1.1\r\n{host}Expect: {secret}",
        f"POST /auth/login HTTP/1.1\r\n{host}Content-Length: {secret}",
        f"POST /auth/login HTTP/1.1\r\n{host}Transfer-Encoding: {secret}",
        f"POST /auth/login?{secret} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n{secret}",
    ):
        with create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(bad.encode() + b"\r\n\r\n")
            assert connection.recv(1024)


def _bodies(route: Route, canaries: Canaries) -> list[dict[str, Any]]:
    fields = {name: canaries.address(f"{name} of {route}") for name in route.fields}
    unasked = {canaries.word(f"unasked field of {route}"): canaries.word(f"value of {route}")}
    if not route.fields:
        return [{"json": unasked}]
    malformed = f'{{"email": "{canaries.address(f"malformed body of {route}")}'
    huge = {"email": canaries.address(f"huge body of {route}") * 3000}
    return [
        {"json": fields},
        {"json": fields | unasked},
        {"data": fields | unasked},
        {"content": malformed, "headers": {"Content-Type": "application/json"}},
        {"json": huge},
    ]


def _authorizations(route: Route, token: str, canaries: Canaries) -> list[dict[str, str]]:
    forged = bearer(canaries.token(f"token for {route}"))
    # Or there would be no session for the next.
    return [forged] if route.rule == "/auth/logout" else [forged, bearer(token)]


def _headers(place: str, canaries: Canaries) -> dict[str, str]:
    names = ("X-Request-ID", "User-Agent", "Referer", "Cookie", "Accept-Language", "Origin")
    return {name: canaries.address(f"{name} of {place}") for name in names}


def _query(route: Route, canaries: Canaries) -> dict[str, str]:
    names = {"email", "token", "limit", *route.fields}
    return {name: canaries.address(f"{name} in the query of {route}") for name in names}
