"""The routes of the service, for tests that hold for all of them."""

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask

from app.api.contract import Contract, contract_of

NOUNS = ("/auth/", "/referral/")
HEALTH = ("/healthz", "/readyz")
# Those that anybody may ask, or that send mails, or where a password or a token could be guessed.
LIMITED = {
    "POST /auth/register",
    "POST /auth/login",
    "POST /auth/token",
    "POST /auth/refresh",
    "POST /auth/change_password",
    "POST /auth/reset_password",
    "POST /auth/reset_password/confirm",
    "POST /auth/verify_email",
    "POST /auth/verify_email/resend",
    "POST /referral/code/email",
    "GET /referral/code/by-email",
    "POST /referral/code/by-email",
}
IMPLIED_METHODS = {"HEAD", "OPTIONS"}
# What a body may hold one of but not both.
EITHER = {"expires_at": "lifetime_minutes", "lifetime_minutes": "expires_at"}


@dataclass(frozen=True)
class Route:
    """One method of one path, and what its view is known to take and give."""

    method: str
    rule: str
    endpoint: str
    contract: Contract

    @property
    def path(self) -> str:
        """The path with 1 for each id."""
        return self.with_id("1")

    def with_id(self, id_: str) -> str:
        return re.sub(r"<[^>]+>", id_, self.rule)

    @property
    def takes_id(self) -> bool:
        return "<id:" in self.rule

    @property
    def takes_json(self) -> bool:
        return self.contract.accepts is not None and self.contract.location == "json"

    @property
    def fields(self) -> dict[str, Any]:
        """The fields it takes, by their names."""
        return self.contract.accepts.fields if self.contract.accepts else {}

    def body_around(self, field: str) -> dict[str, Any]:
        """A body that is accepted once this field has a good value."""
        examples = {name: taken.metadata["example"] for name, taken in self.fields.items()}
        examples.pop(EITHER.get(field, "lifetime_minutes"), None)
        return {name: value for name, value in examples.items() if name != field}

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.rule)

    def __str__(self) -> str:
        return f"{self.method} {self.documented_path}"


def routes_of(app: Flask) -> list[Route]:
    """All of them, /static included."""
    return [
        Route(method, rule.rule, rule.endpoint, contract_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - IMPLIED_METHODS)
    ]


def versioned(routes: list[Route]) -> list[Route]:
    """Those of /auth and /referral, which answer under /api/v1 as well."""
    return [route for route in routes if route.rule.startswith(NOUNS)]
