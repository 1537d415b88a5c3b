"""The OpenAPI document, made from the contracts that the views keep to."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from werkzeug.routing import Rule

from app.api.contract import FORM, Contract, View, contract_of
from app.errors import (
    PROBLEM_JSON,
    BodyTooLarge,
    InternalError,
    Invalid,
    MalformedJson,
    Problem,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRevoked,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
    problem_body,
)
from app.schemas.base import Email, Input
from app.schemas.problems import Problem as ProblemShape
from app.schemas.sessions import OAuthErrorOut, RefreshRequest, TokenRequest
from app.version import VERSION

OPENAPI = "3.0.3"
TITLE = "Referral service"
DESCRIPTION = """
A person registers, publishes a referral code, and others join with it.

Everything under `/auth` and `/referral` also answers under `/api/v1`. Errors are
`application/problem+json` (RFC 9457), and `code` says what went wrong to a program. Lists give
`next_cursor`, to be sent back as `cursor`. Every answer carries `X-Request-ID`.
"""
JSON = "application/json"
END = r"\Z"
SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "password": {
        "type": "oauth2",
        "description": "Your e-mail address is the username; no client id is needed.",
        "flows": {
            "password": {"tokenUrl": "/auth/token", "refreshUrl": "/auth/token", "scopes": {}}
        },
    },
    "access": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "refresh": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The refresh token, in place of the access token.",
    },
}
LIMITS = {
    "X-RateLimit-Limit": "How often may be asked, by the limit that is met first",
    "X-RateLimit-Remaining": "How often still",
    "X-RateLimit-Reset": "When that begins anew, in seconds since 1970",
}
# With which of them a view can be called that asks for such a token.
SCHEMES_BY_BEARER = {"access": ("password", "access"), "refresh": ("refresh",)}
HEADERS = {
    401: {"WWW-Authenticate": "How to sign in (RFC 6750)"},
    429: {"Retry-After": "Seconds to wait"} | LIMITS,
    503: {"Retry-After": "Seconds to wait"},
}


class _MarshmallowPlugin(MarshmallowPlugin):
    """Knows our own kinds of fields."""

    class Converter(OpenAPIConverter):
        field_mapping = OpenAPIConverter.field_mapping | {Email: ("string", "email")}

        def field2pattern(self, field: Any, **kwargs: Any) -> dict[str, Any]:
            found: dict[str, Any] = super().field2pattern(field, **kwargs)
            # Patterns are those of ECMA-262 (JSON Schema, section 6.3.3): anchored nowhere by
            # themselves, and without Python's sign for the end.
            return {name: f"^{text.removesuffix(END)}$" for name, text in found.items()}


def describe(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3 document of every view of this application that has a contract."""
    spec = APISpec(
        title=TITLE,
        version=VERSION,
        openapi_version=OPENAPI,
        info={"description": DESCRIPTION, "license": {"name": "MIT"}},
        plugins=[_MarshmallowPlugin(schema_name_resolver=_name_of)],
        servers=[{"url": "/"}],
    )
    schemes = dict(SECURITY_SCHEMES)
    if not app.config["OAUTH_PASSWORD_GRANT"]:
        del schemes["password"]
    for name, scheme in schemes.items():
        spec.components.security_scheme(name, scheme)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if contract_of(view) != Contract():
            paths[_path(rule)] |= {_method(rule): _operation(rule, view, schemes)}
    for path, operations in paths.items():
        spec.path(path, operations=operations)
    document: dict[str, Any] = spec.to_dict()
    return document


def _name_of(schema: Any) -> str:
    name: str = getattr(resolve_schema_cls(schema), "__name__", "")
    return name.removesuffix("Out")


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _method(rule: Rule) -> str:
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method.lower()


def _operation(rule: Rule, view: View, schemes: Container[str]) -> dict[str, Any]:
    contract = contract_of(view)
    if isinstance(contract.accepts, TokenRequest) and "password" not in schemes:
        contract = replace(contract, accepts=RefreshRequest(), refuses=())
    summary, _, description = (view.__doc__ or "").partition("\n")
    operation: dict[str, Any] = {
        "operationId": view.__name__,
        "summary": summary.strip(),
        "description": " ".join(description.split()),
        "tags": [rule.endpoint.partition(".")[0]],
        "parameters": _parameters(rule, contract),
        "responses": _responses(contract),
    }
    if contract.bearer:
        known = [name for name in SCHEMES_BY_BEARER[contract.bearer] if name in schemes]
        operation["security"] = [{name: []} for name in known]
    if contract.accepts and contract.location != "query":
        operation["requestBody"] = {
            "required": not contract.optional_body,
            "content": {_media_type(contract): _body(contract.accepts)},
        }
    return operation


def _parameters(rule: Rule, contract: Contract) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "integer", "format": "int64", "minimum": 1},
            "example": 7,
        }
        for name in sorted(rule.arguments)
    ]
    if contract.location == "query":
        parameters.append({"in": "query", "schema": contract.accepts})
    return parameters


def _body(schema: Input) -> dict[str, Any]:
    """The schema, and an example of a whole body."""
    example = {
        name: field.metadata["example"]
        for name, field in schema.fields.items()
        if name not in schema.not_in_example
    }
    return {"schema": schema, "example": example}


def _media_type(contract: Contract) -> str:
    return FORM if contract.location == "form" else JSON


def _responses(contract: Contract) -> dict[str, Any]:
    success: dict[str, Any] = {"description": contract.status.phrase}
    if contract.returns:
        success["content"] = {JSON: {"schema": contract.returns}}
    if contract.limited:
        success["headers"] = _headers(LIMITS)
    responses = {str(contract.status.value): success}
    if contract.oauth:
        responses["400"] = _oauth_refusal()
    by_status: dict[int, list[type[Problem]]] = defaultdict(list)
    for problem in _problems(contract):
        by_status[problem.status].append(problem)
    return responses | {str(status): _refusal(by_status[status]) for status in sorted(by_status)}


def _problems(contract: Contract) -> Iterable[type[Problem]]:
    """Everything this view may answer instead of what it returns."""
    if contract.bearer:
        yield from (TokenMissing, TokenInvalid, TokenExpired, TokenRevoked)
    yield from contract.refuses
    if contract.limited:
        yield TooManyRequests
    if contract.accepts and contract.location == "json":
        yield MalformedJson
    if contract.accepts and contract.location != "query":
        yield from (BodyTooLarge, UnsupportedMediaType)
    if contract.accepts and not contract.oauth:
        yield Invalid
    yield from (InternalError, Unavailable)


def _refusal(problems: list[type[Problem]]) -> dict[str, Any]:
    status = problems[0].status
    headers = _headers(HEADERS.get(status, {}))
    examples = {problem.code: {"value": _example(problem)} for problem in problems}
    content = {PROBLEM_JSON: {"schema": ProblemShape, "examples": examples}}
    description = " or ".join(f"`{problem.code}`" for problem in problems)
    return {"description": description, "content": content} | (
        {"headers": headers} if headers else {}
    )


def _headers(texts: Mapping[str, str]) -> dict[str, Any]:
    # Where limits are turned off nothing is told of them.
    return {
        name: {"description": text, "required": name not in LIMITS, "schema": {"type": "string"}}
        for name, text in texts.items()
    }


def _example(problem: type[Problem]) -> dict[str, Any]:
    body = problem_body(
        problem.status, problem.code, problem.detail, "4b1c8f0e2a7d4d5e9c3b6a1f0e8d7c2b"
    )
    if problem is Invalid:
        body["errors"] = {"email": ["Not a valid e-mail address."]}
    return body


def _oauth_refusal() -> dict[str, Any]:
    return {
        "description": "RFC 6749, section 5.2",
        "content": {JSON: {"schema": OAuthErrorOut}},
    }
