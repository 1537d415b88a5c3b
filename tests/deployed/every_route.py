"""Every route, and a request that it grants."""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx

from tests.people import PASSWORD, People, Person, bearer

HOUR = {"lifetime_minutes": 60}


class Scene:
    """Whom and what a request may need; each is made when it is asked for."""

    def __init__(self, http: httpx.Client):
        self.http = http
        self._register = People(http)

    @cached_property
    def owner(self) -> Person:
        return self._register()

    @cached_property
    def code(self) -> dict[str, Any]:
        """The owner's active code."""
        return self.owner.publish()

    @cached_property
    def owner_of_a_code(self) -> Person:
        assert self.code
        return self.owner

    @cached_property
    def newcomer(self) -> Person:
        """Somebody who may still join the owner."""
        assert self.owner
        return self._register()


def register(scene: Scene) -> httpx.Response:
    who = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    return scene.http.post("/auth/register", json=who | {"referral_code": scene.code["code"]})


def log_in(scene: Scene) -> httpx.Response:
    who = {"email": scene.owner.email, "password": PASSWORD}
    return scene.http.post("/auth/login", json=who)


def get_token(scene: Scene) -> httpx.Response:
    form = {"grant_type": "password", "username": scene.owner.email, "password": PASSWORD}
    return scene.http.post("/auth/token", data=form)


def refresh(scene: Scene) -> httpx.Response:
    return scene.http.post("/auth/refresh", headers=bearer(scene.owner.refresh_token))


def revoke(scene: Scene) -> httpx.Response:
    return scene.http.post("/auth/revoke", data={"token": scene.owner.refresh_token})


def change_password(scene: Scene) -> httpx.Response:
    change = {"current_password": PASSWORD, "new_password": "staple battery 9"}
    return scene.owner.post("/auth/change_password", change)


def ask_for_reset(scene: Scene) -> httpx.Response:
    return scene.http.post("/auth/reset_password", json={"email": scene.owner.email})


def reset_password(scene: Scene) -> httpx.Response:
    body = {"token": "x", "new_password": "staple battery 9"}
    return scene.http.post("/auth/reset_password/confirm", json=body)


def verify_email(scene: Scene) -> httpx.Response:
    return scene.http.post("/auth/verify_email", json={"token": "x"})


def look_up(scene: Scene) -> httpx.Response:
    email = scene.owner_of_a_code.email
    return scene.http.get("/referral/code/by-email", params={"email": email})


def look_up_quietly(scene: Scene) -> httpx.Response:
    email = scene.owner_of_a_code.email
    return scene.http.post("/referral/code/by-email", json={"email": email})


def activate(scene: Scene) -> httpx.Response:
    return scene.newcomer.post("/referral/activate", {"code": scene.code["code"]})


def change_code(scene: Scene) -> httpx.Response:
    return scene.owner_of_a_code.patch("/referral/code", HOUR)


def list_by_id(scene: Scene) -> httpx.Response:
    return scene.owner.get(f"/referral/referrals/{scene.owner.id}")


def own_code(method: str, action: str = "") -> Callable[[Scene], httpx.Response]:
    """A request that names the owner's code by its id."""
    return lambda scene: scene.owner_of_a_code.request(
        method, f"/referral/codes/{scene.code['id']}{action}"
    )


def plain(path: str) -> Callable[[Scene], httpx.Response]:
    """A request that anybody may send."""
    return lambda scene: scene.http.get(path)


ROUTES: dict[str, tuple[int, Callable[[Scene], httpx.Response]]] = {
    "POST /auth/register": (201, register),
    "POST /auth/login": (200, log_in),
    "POST /auth/token": (200, get_token),
    "POST /auth/refresh": (200, refresh),
    "POST /auth/revoke": (200, revoke),
    "POST /auth/logout": (204, lambda scene: scene.owner.post("/auth/logout")),
    "GET /auth/me": (200, lambda scene: scene.owner.get("/auth/me")),
    "POST /auth/change_password": (204, change_password),
    "POST /auth/reset_password": (202, ask_for_reset),
    # Nobody here has a mailed token; that one is none, the service finds out without its parts.
    "POST /auth/reset_password/confirm": (422, reset_password),
    "POST /auth/verify_email": (422, verify_email),
    "POST /auth/verify_email/resend": (
        202,
        lambda scene: scene.owner.post("/auth/verify_email/resend"),
    ),
    "POST /referral/code/email": (
        202,
        lambda scene: scene.owner_of_a_code.post("/referral/code/email"),
    ),
    "POST /referral/code": (201, lambda scene: scene.owner.post("/referral/code", HOUR)),
    "GET /referral/code": (200, lambda scene: scene.owner_of_a_code.get("/referral/code")),
    "PATCH /referral/code": (
        200,
        lambda scene: scene.owner_of_a_code.patch("/referral/code", HOUR),
    ),
    "DELETE /referral/code": (204, lambda scene: scene.owner_of_a_code.delete("/referral/code")),
    "GET /referral/codes": (200, lambda scene: scene.owner.get("/referral/codes")),
    "POST /referral/codes/{code_id}/activate": (200, own_code("POST", "/activate")),
    "POST /referral/codes/{code_id}/deactivate": (200, own_code("POST", "/deactivate")),
    "DELETE /referral/codes/{code_id}": (204, own_code("DELETE")),
    "GET /referral/code/by-email": (200, look_up),
    "POST /referral/code/by-email": (200, look_up_quietly),
    "POST /referral/activate": (200, activate),
    "GET /referral/referrals": (200, lambda scene: scene.owner.get("/referral/referrals")),
    "GET /referral/referrals/{referrer_id}": (200, list_by_id),
    "GET /healthz": (200, plain("/healthz")),
    "GET /readyz": (200, plain("/readyz")),
    "GET /openapi.json": (200, plain("/openapi.json")),
    "GET /swagger": (200, plain("/swagger")),
    "GET /redoc": (200, plain("/redoc")),
    "GET /reset-password": (200, plain("/reset-password")),
    "GET /verify-email": (200, plain("/verify-email")),
    "an unknown path": (404, plain("/nowhere")),
}
