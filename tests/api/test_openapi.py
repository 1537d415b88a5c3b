"""The OpenAPI document: valid, whole, and true to the conventions of this API."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import validate

from tests.people import People, bearer
from tests.routes import HEALTH, LIMITED, NOUNS, routes_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"

TOKEN_REFUSALS = {"token_missing", "token_invalid", "token_expired", "token_revoked"}
# What each operation may refuse besides what the conventions say of all that are like it.
REFUSALS = {
    "POST /auth/register": {"email_taken", "email_rejected", "referral_code_invalid"},
    "POST /auth/login": {"invalid_credentials", "too_many_attempts"},
    "POST /auth/token": {"too_many_attempts"},
    "POST /auth/refresh": {"token_reused"},
    "POST /auth/change_password": {"wrong_password", "too_many_attempts"},
    "POST /auth/reset_password/confirm": {"token_invalid"},
    "POST /auth/verify_email": {"token_invalid"},
    "POST /referral/code": {"email_not_verified", "code_taken"},
    "POST /referral/code/email": {"no_active_code"},
    "GET /referral/code": {"no_active_code"},
    "PATCH /referral/code": {"no_active_code"},
    "DELETE /referral/code": {"no_active_code"},
    "POST /referral/codes/{code_id}/activate": {"email_not_verified", "code_expired"},
    "GET /referral/code/by-email": {"referral_code_not_found"},
    "POST /referral/code/by-email": {"referral_code_not_found"},
    "POST /referral/activate": {
        "already_referred",
        "self_referral",
        "referrer_joined_later",
        "referral_code_invalid",
    },
}
CREATED = ["POST /auth/register", "POST /referral/code"]
ACCEPTED = [
    *("POST /auth/reset_password", "POST /auth/verify_email/resend"),
    "POST /referral/code/email",
]
NO_CONTENT = [
    *("POST /auth/logout", "POST /auth/change_password"),
    *("POST /auth/reset_password/confirm", "POST /auth/verify_email"),
    *("DELETE /referral/code", "DELETE /referral/codes/{code_id}"),
]
STATUSES = (
    dict.fromkeys(CREATED, 201) | dict.fromkeys(ACCEPTED, 202) | dict.fromkeys(NO_CONTENT, 204)
)
EMPTY = {*ACCEPTED, *NO_CONTENT, "POST /auth/revoke"}
NULLABLE = {
    *("Me.referrer", "Me.referral_code", "Me.profile"),
    *("CodePage.next_cursor", "ReferralPage.next_cursor"),
}
# Problems have their examples where they are given; a grant needs only some of its parameters.
WITHOUT_EXAMPLES = {"Problem", "TokenRequest"}
HEADERS = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
RATE_LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

Document = dict[str, Any]


@pytest.fixture
def document(http: httpx.Client) -> Document:
    document: Document = http.get("/openapi.json").json()
    return document


def test_the_document_is_valid_openapi_3(document: Document) -> None:
    validate(document)
    assert document["openapi"].startswith("3.")


def test_the_document_is_json_and_the_same_each_time(http: httpx.Client) -> None:
    first, second = http.get("/openapi.json"), http.get("/openapi.json")
    assert first.headers["Content-Type"].startswith(JSON)
    assert first.content == second.content


def test_every_route_is_in_the_document_and_nothing_else(app: Flask, document: Document) -> None:
    routes = {str(r) for r in routes_of(app) if r.rule.startswith((*NOUNS, *HEALTH))}
    assert operations(document).keys() == routes


def test_every_operation_says_what_it_does(document: Document) -> None:
    found = operations(document).values()
    assert all(operation["summary"] and operation["tags"] for operation in found)
    assert len({operation["operationId"] for operation in found}) == len(found)


def test_every_operation_names_its_success(document: Document) -> None:
    for name, operation in operations(document).items():
        successes = [status for status in operation["responses"] if status.startswith("2")]
        assert successes == [str(STATUSES.get(name, 200))], name


def test_every_success_has_a_shape_but_the_empty_ones(document: Document) -> None:
    for name, operation in operations(document).items():
        success = operation["responses"][str(STATUSES.get(name, 200))]
        assert ("content" in success) == (name not in EMPTY), name


def test_every_operation_documents_every_error_it_can_give(document: Document) -> None:
    documented = {name: set(problems(each)) for name, each in operations(document).items()}
    expected = {
        name: implied(each)
        | REFUSALS.get(name, set())
        | ({"too_many_requests"} if name in LIMITED else set())
        for name, each in operations(document).items()
    }
    assert documented == expected


def test_every_error_stands_under_its_status(document: Document) -> None:
    for name, operation in operations(document).items():
        for code, (status, example) in problems(operation).items():
            assert (example["code"], example["status"]) == (code, int(status)), name


def test_what_speaks_oauth_refuses_in_its_words(document: Document) -> None:
    for path in ("/auth/token", "/auth/revoke"):
        refusal = document["paths"][path]["post"]["responses"]["400"]
        assert set(refusal["content"]) == {JSON}
        assert "error" in resolved(document, refusal["content"][JSON]["schema"])["required"]


def test_a_parameter_that_a_form_must_have_is_not_empty(document: Document) -> None:
    for path in ("/auth/token", "/auth/revoke"):
        body = document["paths"][path]["post"]["requestBody"]["content"][FORM]["schema"]
        schema = resolved(document, body)
        for name in schema["required"]:
            assert not validator_of(document, schema["properties"][name]).is_valid(""), name


@pytest.mark.parametrize(("status", "header"), HEADERS.items())
def test_the_headers_of_errors_are_documented(document: Document, status: str, header: str) -> None:
    answers = [each["responses"].get(status) for each in operations(document).values()]
    assert any(answers)
    assert all(answer["headers"][header]["required"] for answer in answers if answer)


def test_the_limits_are_documented_where_there_are_any(document: Document) -> None:
    for name, operation in operations(document).items():
        success = operation["responses"][str(STATUSES.get(name, 200))]
        for answer in (success, operation["responses"].get("429", {})):
            told = {header for header in answer.get("headers", {}) if "RateLimit" in header}
            assert told == (set(RATE_LIMITS) if name in LIMITED else set()), name


def test_every_example_is_of_the_shape_it_illustrates(document: Document) -> None:
    found = list(examples(document, document))
    assert len(found) > 100
    for schema, example in found:
        validator_of(document, schema).validate(example)


def test_every_plain_field_has_an_example_or_says_it_all(document: Document) -> None:
    for name, schema in document["components"]["schemas"].items():
        for key, each in schema["properties"].items():
            if each.get("type") in ("string", "integer") and name not in WITHOUT_EXAMPLES:
                assert {"example", "enum"} & each.keys(), f"{name}.{key}"


def test_the_example_of_every_body_passes_for_valid(
    http: httpx.Client, register: People, document: Document
) -> None:
    for name, operation in operations(document).items():
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
            method, path = name.replace("{code_id}", "1").split()
            body = {"json" if media_type == JSON else "data": example_of(document, media)}
            headers = bearer(register().access_token)
            answer = http.request(method, path, headers=headers, **body).text
            assert "validation_error" not in answer, name
            assert "invalid_request" not in answer, name


def test_only_what_may_be_null_is_nullable(document: Document) -> None:
    nullable = {
        f"{name}.{key}"
        for name, schema in document["components"]["schemas"].items()
        for key, each in schema["properties"].items()
        if validator_of(document, each).is_valid(None)
    }
    assert nullable == NULLABLE


def test_no_parameter_is_nullable(document: Document) -> None:
    for name, operation in operations(document).items():
        for parameter in operation["parameters"]:
            assert not validator_of(document, parameter["schema"]).is_valid(None), name


def test_an_operation_is_secured_by_what_it_asks_for(
    http: httpx.Client, document: Document
) -> None:
    for name, operation in operations(document).items():
        method, path = name.replace("{code_id}", "1").replace("{referrer_id}", "1").split()
        asks = "token_missing" in http.request(method, path).text
        schemes = {scheme for each in operation.get("security", []) for scheme in each}
        expected = {"refresh"} if path == "/auth/refresh" else {"access", "password"}
        assert schemes == (expected if asks else set()), name


def test_the_security_schemes_are_bearer_tokens_and_how_to_get_them(document: Document) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {"access", "refresh", "password"}
    for name in ("access", "refresh"):
        assert (schemes[name]["type"], schemes[name]["scheme"]) == ("http", "bearer")


def test_the_password_flow_leads_to_tokens_as_swagger_asks_for_them(
    http: httpx.Client, register: People, document: Document
) -> None:
    person = register()
    flow = document["components"]["securitySchemes"]["password"]["flows"]["password"]
    form = {"grant_type": "password", "username": person.email, "password": person.password}
    token = http.post(flow["tokenUrl"], data=form | {"scope": ""}, auth=("", "")).json()
    again = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    renewed = http.post(flow["refreshUrl"], data=again).json()
    headers = bearer(renewed["access_token"])
    assert http.get("/auth/me", headers=headers).json()["email"] == person.email


def operations(document: Document) -> dict[str, Any]:
    """All of them, as `GET /auth/me`."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def problems(operation: Any) -> dict[str, tuple[str, Any]]:
    """The status and the example of every error, by its code."""
    return {
        code: (status, example["value"])
        for status, answer in operation["responses"].items()
        for code, example in answer.get("content", {}).get(PROBLEM, {}).get("examples", {}).items()
    }


def implied(operation: Any) -> set[str]:
    """The errors of every operation that takes what this one takes."""
    media_types = set(operation.get("requestBody", {}).get("content", {}))
    places = {parameter["in"] for parameter in operation["parameters"]}
    codes = {"internal_error", "unavailable"}
    codes |= TOKEN_REFUSALS if "security" in operation else set()
    codes |= {"body_too_large", "unsupported_media_type"} if media_types else set()
    codes |= {"malformed_json", "validation_error"} if JSON in media_types else set()
    codes |= {"validation_error"} if "query" in places else set()
    return codes | ({"not_found"} if "path" in places else set())


def examples(document: Document, node: Any) -> Iterator[tuple[Any, Any]]:
    """Every example in the document, and the schema of what it illustrates."""
    if isinstance(node, list):
        for each in node:
            yield from examples(document, each)
    if not isinstance(node, dict):
        return
    schema = node.get("schema", node)
    if "example" in node and "properties" not in node:
        yield schema, node["example"]
    if "schema" in node:
        yield from ((schema, each["value"]) for each in node.get("examples", {}).values())
    for key, each in node.items():
        if key not in ("example", "examples"):
            yield from examples(document, each)


def example_of(document: Document, media: Any) -> Any:
    """The body that Swagger UI fills in: the example, or one made of those of the fields."""
    properties = resolved(document, media["schema"])["properties"].items()
    composed = {name: each["example"] for name, each in properties if "example" in each}
    return media.get("example", composed)


def resolved(document: Document, schema: Any) -> Any:
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return document["components"]["schemas"][name] if name else schema


def validator_of(document: Document, schema: Any) -> OAS30Validator:
    """Validates against the schema, which may refer to others of the document."""
    whole = {"allOf": [schema], "components": document["components"]}
    return OAS30Validator(whole, format_checker=oas30_format_checker)
