"""Signing keys take over from one another while people are served: nobody is refused or lost."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

import httpx
import jwt
import pytest

from dev.waiting import wait_until
from tests.deployed.service import Service, connections_to
from tests.deployed.together import meanwhile, outcomes
from tests.people import People, Person, bearer
from tests.problems import assert_problem

RING = {"first": secrets.token_urlsafe(), "second": secrets.token_urlsafe()}
# Every process knows both before the first of them signs.
KNOWN = {"JWT_KEYS": RING, "JWT_SIGNING_KEY": "SECRET_KEY"}
FIRST_SIGNS = {"JWT_KEYS": RING, "JWT_SIGNING_KEY": "first"}
SECOND_SIGNS = {"JWT_KEYS": RING, "JWT_SIGNING_KEY": "second"}
FIRST_IS_OUT = {"JWT_KEYS": {"second": RING["second"]}, "JWT_SIGNING_KEY": "second"}
FEW = 3


class Visitors:
    """People who look in and refresh their tokens, over and over, one in each thread."""

    def __init__(self, http: httpx.Client):
        self._http = http
        self._people: dict[int, Person] = {}
        self.answers: list[httpx.Response] = []

    def visit(self) -> None:
        person = self._people.get(get_ident()) or People(self._http)()
        self.answers.append(person.get("/auth/me"))
        token = person.refresh_token
        refreshed = self._http.post("/auth/refresh", headers=bearer(token))
        self.answers.append(refreshed)
        person.access_token, person.refresh_token = (
            refreshed.json().get(name, token) for name in ("access_token", "refresh_token")
        )
        self._people[get_ident()] = person

    def kids(self) -> set[str]:
        """What the tokens they hold are signed with."""
        headers = (
            jwt.get_unverified_header(token)
            for person in list(self._people.values())
            for token in (person.access_token, person.refresh_token)
        )
        return {header.get("kid", "SECRET_KEY") for header in headers}


def test_keys_are_rotated_by_sighup_and_nobody_is_refused(service: Service) -> None:
    with connections_to(service.url) as http:
        visitors = Visitors(http)
        with meanwhile(visitors.visit, FEW):
            reload(service, FIRST_SIGNS)
            wait_until(lambda: visitors.kids() == {"first"}, "tokens of the first key")
            left_behind = People(http)()
            reload(service, SECOND_SIGNS)
            wait_until(lambda: visitors.kids() == {"second"}, "tokens of the second key")
            assert left_behind.get("/auth/me").status_code == 200
            reload(service, FIRST_IS_OUT)
        assert outcomes(visitors.answers).keys() == {"200"}
        assert_problem(left_behind.get("/auth/me"), 401, "token_invalid")


def reload(service: Service, keys: dict[str, Any]) -> None:
    change(service.settings, keys)
    service.replace_workers()


def change(settings: Path, keys: dict[str, Any]) -> None:
    settings.write_text(json.dumps(json.loads(settings.read_text()) | keys))


@pytest.fixture
def service(settings_file: Path, tmp_path: Path) -> Iterator[Service]:
    """One whose settings may be changed."""
    settings = tmp_path / "settings.json"
    settings.write_bytes(settings_file.read_bytes())
    change(settings, KNOWN)
    with Service(settings, tmp_path) as service:
        yield service
