"""Asking for mailed links and following them, as the pages do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from flask import Flask

from app.services.mailed_tokens import Claim, Purpose
from tests.inbox import Inbox
from tests.people import Person

NEW_PASSWORD = "staple battery 9"
RESET_PAGE = "reset-password"
VERIFY_PAGE = "verify-email"


def ask_for_reset(http: httpx.Client, email: str, **kwargs: Any) -> httpx.Response:
    response = http.post("/auth/reset_password", json={"email": email}, **kwargs)
    assert response.status_code == 202, response.text
    return response


def reset_token(http: httpx.Client, inbox: Inbox, person: Person) -> str:
    """A token that was mailed to this person just now."""
    before = inbox.tokens(person.email, RESET_PAGE)
    ask_for_reset(http, person.email)
    (token,) = set(inbox.tokens(person.email, RESET_PAGE)) - set(before)
    return token


def reset(http: httpx.Client, token: Any, new_password: Any = NEW_PASSWORD) -> httpx.Response:
    body = {"token": token, "new_password": new_password}
    return http.post("/auth/reset_password/confirm", json=body)


def verify(http: httpx.Client, token: Any) -> httpx.Response:
    return http.post("/auth/verify_email", json={"token": token})


def minted(app: Flask, purpose: Purpose, person: Person, age: timedelta = timedelta()) -> str:
    """The token this person was mailed when they asked for it so long ago."""
    with app.app_context():
        return Claim(purpose, person.id, datetime.now(UTC) - age).token()
