"""The people of the tests: each talks to the service over HTTP as a client would."""

from typing import Any
from uuid import uuid4

import httpx

PASSWORD = "correct horse battery"


class Person:
    """Somebody who registered and is logged in."""

    def __init__(self, http: httpx.Client, email: str, password: str, answer: dict[str, Any]):
        self._http = http
        self.email = email
        self.password = password
        self.id: int = answer["user"]["id"]
        self.access_token: str = answer["access_token"]
        self.refresh_token: str = answer["refresh_token"]

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send a request with this person's access token."""
        return self._http.request(method, path, headers=bearer(self.access_token), **kwargs)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.request("GET", path, params=params)

    def post(self, path: str, json: Any = None) -> httpx.Response:
        return self.request("POST", path, json=json)

    def patch(self, path: str, json: Any = None) -> httpx.Response:
        return self.request("PATCH", path, json=json)

    def delete(self, path: str) -> httpx.Response:
        return self.request("DELETE", path)

    def publish(self, **terms: Any) -> dict[str, Any]:
        """Publish a code, for an hour unless the terms say otherwise; gives the Code."""
        lifetime = {} if "expires_at" in terms else {"lifetime_minutes": 60}
        response = self.post("/referral/code", json=lifetime | terms)
        assert response.status_code == 201, response.text
        return response.json()

    def log_in(self) -> "Person":
        """Open another session of the same person."""
        credentials = {"email": self.email, "password": self.password}
        response = self._http.post("/auth/login", json=credentials)
        assert response.status_code == 200, response.text
        return Person(self._http, self.email, self.password, response.json())


class People:
    """Makes people who have never been there before."""

    def __init__(self, http: httpx.Client):
        self._http = http

    def __call__(self, email: str = "", password: str = PASSWORD, **terms: Any) -> Person:
        """Register somebody, with a `referral_code` if one is given."""
        email = email or f"person-{uuid4().hex}@example.com"
        body = {"email": email, "password": password} | terms
        response = self._http.post("/auth/register", json=body)
        assert response.status_code == 201, response.text
        return Person(self._http, email, password, response.json())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
