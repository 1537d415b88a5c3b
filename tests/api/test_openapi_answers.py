"""What the service really answers is what the OpenAPI document says it answers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from tests.inbox import Inbox
from tests.people import PASSWORD, People, Person, bearer

Sql = Callable[..., list[tuple[Any, ...]]]

HOUR = {"lifetime_minutes": 60}
LOGIN = {"email": "grace@example.com", "password": PASSWORD}
GRANT = {"grant_type": "password", "username": "grace@example.com", "password": PASSWORD}


class Documented:
    """Compares every answer with the document, and notes which of its answers were seen."""

    def __init__(self, document: dict[str, Any]):
        self._components = closed(document["components"])
        self._operations = {
            (method.upper(), re.compile(re.sub(r"\{\w+\}", r"\\d+", path))): operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }
        self.seen: set[tuple[str, int]] = set()

    @property
    def names(self) -> set[str]:
        return {operation["operationId"] for operation in self._operations.values()}

    def compare(self, response: httpx.Response) -> None:
        """Hold the answer against the document."""
        response.read()
        if operation := self._operation(response.request):
            self.seen.add((operation["operationId"], response.status_code))
            documented = operation["responses"][str(response.status_code)]
            assert all(name in response.headers for name in documented.get("headers", {}))
            self._compare_content(response, documented.get("content"))

    def _compare_content(self, response: httpx.Response, content: Any) -> None:
        if content is None:
            assert response.content == b""
            return
        media = content[response.headers["Content-Type"]]
        codes = {each["value"]["code"] for each in media.get("examples", {}).values()}
        assert not codes or response.json()["code"] in codes
        schema = {"allOf": [media["schema"]], "components": self._components}
        OAS30Validator(schema, format_checker=oas30_format_checker).validate(response.json())

    def _operation(self, request: httpx.Request) -> Any:
        for (method, path), operation in self._operations.items():
            if method == request.method and path.fullmatch(request.url.path):
                return operation
        return None


def closed(node: Any) -> Any:
    """The same schemas, each allowing only the fields it lists."""
    if isinstance(node, dict):
        more = {"additionalProperties": False} if "properties" in node else {}
        return {key: closed(each) for key, each in node.items()} | more
    return [closed(each) for each in node] if isinstance(node, list) else node


@pytest.fixture
def documented(base_url: str) -> Documented:
    return Documented(httpx.get(f"{base_url}/openapi.json").json())


@pytest.fixture
def http(base_url: str, documented: Documented) -> Iterator[httpx.Client]:
    """As everywhere, but every answer is compared with the document."""
    hooks = {"response": [documented.compare]}
    with httpx.Client(base_url=base_url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def grace(register: People) -> Person:
    return register("grace@example.com")


def test_every_success_is_as_documented(
    http: httpx.Client, grace: Person, register: People, inbox: Inbox, documented: Documented
) -> None:
    use_mailed_links(http, grace, inbox)
    live_through_everything(http, grace.log_in(), register)
    assert {name for name, status in documented.seen if status < 300} == documented.names


def test_yourself_with_nothing_yet_is_as_documented(grace: Person) -> None:
    answer = grace.get("/auth/me").json()
    assert (answer["referrer"], answer["referral_code"], answer["profile"]) == (None, None, None)


def test_yourself_with_everything_is_as_documented(grace: Person, register: People) -> None:
    linus = register(referral_code=grace.publish()["code"])
    register(referral_code=linus.publish()["code"])
    answer = linus.get("/auth/me").json()
    assert answer["referrer"]
    assert answer["referral_code"]
    assert answer["referrals"]


def test_a_page_that_is_not_the_last_is_as_documented(grace: Person) -> None:
    grace.publish()
    grace.publish()
    first = grace.get("/referral/codes", limit=1).json()
    assert grace.get("/referral/codes", cursor=first["next_cursor"]).json()["codes"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/referral/code", 404),
        ("PATCH", "/referral/code", 404),
        ("DELETE", "/referral/code", 404),
        ("DELETE", "/referral/codes/7", 404),
        ("POST", "/referral/codes/7/activate", 404),
        ("POST", "/referral/codes/7/deactivate", 404),
        ("GET", "/referral/referrals/7", 404),
        ("GET", "/referral/codes?limit=0", 422),
        ("GET", "/referral/referrals?cursor=!", 422),
        ("GET", "/referral/code/by-email", 422),
        ("GET", "/referral/code/by-email?email=ada@example.com", 404),
    ],
)
def test_a_refusal_of_what_was_asked_for_is_as_documented(
    grace: Person, method: str, path: str, status: int
) -> None:
    response = grace.request(method, path, json=HOUR if method == "PATCH" else None)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/auth/register", LOGIN, 409),
        ("/auth/register", LOGIN | {"email": "a@example.com", "referral_code": "NONE"}, 422),
        ("/auth/login", LOGIN | {"password": "wrong"}, 401),
        ("/auth/change_password", {"current_password": "x", "new_password": "staple 9 b"}, 403),
        ("/auth/refresh", None, 401),
        ("/auth/reset_password/confirm", {"token": "x", "new_password": "staple 9 b"}, 422),
        ("/auth/verify_email", {"token": "x"}, 422),
        ("/referral/code", {}, 422),
        ("/referral/activate", {"code": "NONE"}, 422),
        ("/referral/code/by-email", {"email": "ada@example.com"}, 404),
    ],
)
def test_a_refusal_of_what_was_sent_is_as_documented(
    grace: Person, path: str, body: Any, status: int
) -> None:
    assert grace.post(path, json=body).status_code == status


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b" " * 65_537, 413)])
def test_a_refusal_of_every_body_is_as_documented(
    http: httpx.Client, body: bytes, status: int
) -> None:
    for path in ("/auth/login", "/auth/register", "/referral/code/by-email"):
        headers = {"Content-Type": "application/json"}
        assert http.post(path, content=body, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/auth/login", "/auth/token", "/auth/revoke"])
def test_a_refusal_of_a_content_type_is_as_documented(http: httpx.Client, path: str) -> None:
    assert http.post(path, content=b"x", headers={"Content-Type": "x/y"}).status_code == 415


@pytest.mark.parametrize("form", [{"a": "x"}, {"grant_type": "x"}, GRANT | {"password": "wrong"}])
def test_a_refusal_of_a_grant_is_as_documented(http: httpx.Client, form: dict[str, str]) -> None:
    assert http.post("/auth/token", data=form).status_code == 400


def test_a_delay_after_wrong_passwords_is_as_documented(
    grace: Person, http: httpx.Client, sql: Sql
) -> None:
    for _ in range(6):
        http.post("/auth/login", json=LOGIN | {"password": "wrong"})
    sql("UPDATE failed_attempts SET retry_at = now() + interval '1 minute'")
    assert http.post("/auth/login", json=LOGIN).status_code == 429
    assert http.post("/auth/token", data=GRANT).status_code == 429


def test_a_crash_is_as_documented(grace: Person, sql: Sql) -> None:
    sql("ALTER TABLE codes RENAME TO hidden")
    try:
        assert grace.get("/referral/codes").status_code == 500
    finally:
        sql("ALTER TABLE hidden RENAME TO codes")


def live_through_everything(http: httpx.Client, grace: Person, register: People) -> None:
    """Ask for everything there is, and get it."""
    http.get("/healthz")
    http.get("/readyz")
    code = grace.publish()
    register(referral_code=code["code"])
    register().post("/referral/activate", json={"code": code["code"]})
    grace.get("/referral/code")
    grace.post("/referral/code/email")
    http.get("/referral/code/by-email", params={"email": grace.email})
    http.post("/referral/code/by-email", json={"email": grace.email})
    grace.get("/referral/referrals")
    grace.get(f"/referral/referrals/{grace.id}")
    grace.patch("/referral/code", json=HOUR)
    grace.post(f"/referral/codes/{code['id']}/deactivate")
    grace.post(f"/referral/codes/{code['id']}/activate")
    grace.delete("/referral/code")
    grace.delete(f"/referral/codes/{code['id']}")
    grace.get("/referral/codes")
    grace.get("/auth/me")
    http.post("/auth/login", json=LOGIN)
    token = http.post("/auth/token", data=GRANT).json()
    http.post("/auth/refresh", headers=bearer(token["refresh_token"]))
    http.post("/auth/revoke", data={"token": token["access_token"]})
    grace.post(
        "/auth/change_password",
        json={"current_password": PASSWORD, "new_password": "staple battery 9"},
    )
    grace.post("/auth/logout")


def use_mailed_links(http: httpx.Client, grace: Person, inbox: Inbox) -> None:
    grace.post("/auth/verify_email/resend")
    http.post("/auth/verify_email", json={"token": inbox.tokens(grace.email, "verify-email")[0]})
    http.post("/auth/reset_password", json={"email": grace.email})
    token = inbox.token(grace.email, "reset-password")
    body = {"token": token, "new_password": PASSWORD}
    http.post("/auth/reset_password/confirm", json=body)
