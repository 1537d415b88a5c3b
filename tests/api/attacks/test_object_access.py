"""What somebody else has is, to everybody it does not concern, as if it were not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.api.test_lookup import everything
from tests.endings import ALL, Ending, Sql
from tests.people import People, Person, bearer
from tests.problems import assert_problem
from tests.routes import Route, routes_of
from tests.stored import stored

ABSENT = 999_999
# What may be sent along.
WAYS: list[dict[str, Any]] = [
    {},
    {"json": {"lifetime_minutes": 60}},
    {"json": {"expires_at": "2001-01-01"}},
    {"params": {"limit": 1}},
]


@dataclass(frozen=True)
class Object:
    """What the id of a route names: where its owner's is found, and whether admins see it."""

    id_of: Callable[["Scene"], int]
    for_admins: bool = False


@dataclass(frozen=True)
class Scene:
    """An owner with objects of every kind, and others who have some as well."""

    http: httpx.Client
    owner: Person
    code: dict[str, Any]
    stranger: Person
    admin: Person
    gone: Person
    routes: dict[str, Route]

    def ask(self, name: str, id_: int, token: str | None, **sent: Any) -> httpx.Response:
        """Ask this route for the object with this id."""
        headers = {"X-Request-ID": "the-same"} | (bearer(token) if token else {})
        route = self.routes[name]
        return self.http.request(route.method, route.with_id(str(id_)), headers=headers, **sent)

    def ask_in_all_ways(self, name: str, id_: int, token: str | None) -> list[Any]:
        """Everything that is answered, whatever is sent along."""
        return [everything(self.ask(name, id_, token, **sent)) for sent in WAYS]


CODE = Object(lambda scene: scene.code["id"])
# Each route with an id in its path; a new one is to be described here.
OBJECTS = {
    "POST /referral/codes/{code_id}/activate": CODE,
    "POST /referral/codes/{code_id}/deactivate": CODE,
    "DELETE /referral/codes/{code_id}": CODE,
    "GET /referral/referrals/{referrer_id}": Object(lambda scene: scene.owner.id, for_admins=True),
}
each_route = pytest.mark.parametrize("name", OBJECTS)


def test_every_route_with_an_id_is_described_here(app: Flask) -> None:
    variable = {str(route) for route in routes_of(app) if "<" in route.rule}
    assert variable - {"GET /static/{filename}"} == OBJECTS.keys()


@each_route
def test_an_owner_has_their_own(scene: Scene, name: str) -> None:
    answer = scene.ask(name, OBJECTS[name].id_of(scene), scene.owner.access_token)
    assert answer.is_success
    assert everything(answer) != everything(scene.ask(name, ABSENT, scene.owner.access_token))


@each_route
def test_to_strangers_it_is_as_if_it_were_not_there(scene: Scene, sql: Sql, name: str) -> None:
    assert_hidden(scene, sql, name, scene.stranger.access_token)
    there = scene.ask(name, OBJECTS[name].id_of(scene), scene.stranger.access_token)
    assert_problem(there, 404, "not_found")


@each_route
def test_to_admins_as_well_unless_it_is_for_them(scene: Scene, sql: Sql, name: str) -> None:
    if OBJECTS[name].for_admins:
        before = stored(sql)
        there = scene.ask(name, OBJECTS[name].id_of(scene), scene.admin.access_token)
        assert there.is_success
        assert stored(sql) == before
    else:
        assert_hidden(scene, sql, name, scene.admin.access_token)


@each_route
def test_without_a_living_session_nobody_learns_what_is_there(
    scene: Scene, sql: Sql, name: str
) -> None:
    for token in (None, "nonsense", scene.owner.refresh_token, scene.gone.access_token):
        assert_hidden(scene, sql, name, token)
        assert scene.ask(name, OBJECTS[name].id_of(scene), token).status_code == 401


@pytest.mark.parametrize("end", ALL.values(), ids=ALL)
def test_nor_does_it_show_what_has_become_of_it(scene: Scene, sql: Sql, end: Ending) -> None:
    end(scene.owner, scene.code, sql)
    for name, object_ in OBJECTS.items():
        if object_ is CODE:
            assert_hidden(scene, sql, name, scene.stranger.access_token)


def test_a_cursor_of_somebody_else_leads_to_nothing_of_theirs(scene: Scene) -> None:
    scene.owner.publish()
    for path in ("/referral/codes", "/referral/referrals"):
        cursor = scene.owner.get(path, limit=1).json()["next_cursor"]
        assert cursor
        own = scene.stranger.get(path).json()[path.split("/")[2]]
        page = scene.stranger.get(path, cursor=cursor).json()[path.split("/")[2]]
        assert all(row in own for row in page)


def assert_hidden(scene: Scene, sql: Sql, name: str, token: str | None) -> None:
    """Whatever is sent, the answers are those for what there is not, and nothing changes."""
    before = stored(sql)
    there = scene.ask_in_all_ways(name, OBJECTS[name].id_of(scene), token)
    assert there == scene.ask_in_all_ways(name, ABSENT, token)
    assert stored(sql) == before


@pytest.fixture
def scene(http: httpx.Client, app: Flask, register: People, sql: Sql) -> Scene:
    owner, admin = register(), register()
    sql("UPDATE users SET is_admin = true WHERE id = %s", admin.id)
    code = owner.publish()
    for _ in range(2):
        register(referral_code=code["code"])
    stranger = register()
    stranger.publish()
    gone = owner.log_in()
    gone.post("/auth/logout")
    routes = {str(route): route for route in routes_of(app)}
    return Scene(http, owner, code, stranger, admin, gone, routes)
