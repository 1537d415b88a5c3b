"""A request for each status that refuses it at once."""

from collections.abc import Callable

import httpx

from tests.people import bearer

JSON = {"Content-Type": "application/json"}
LOGIN = {"email": "a@example.com", "password": "x"}
REFUSALS: dict[int, Callable[[httpx.Client], httpx.Response]] = {
    400: lambda http: http.post("/auth/login", content="{", headers=JSON),
    401: lambda http: http.get("/auth/me", headers=bearer("x.y.z")),
    404: lambda http: http.get("/auth/nowhere"),
    405: lambda http: http.get("/auth/login"),
    413: lambda http: http.post("/auth/login", content=b" " * 100_000),
    415: lambda http: http.post("/auth/login", data=LOGIN),
    422: lambda http: http.post("/auth/login", json={}),
}
