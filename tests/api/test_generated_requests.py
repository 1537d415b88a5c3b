"""Every operation of the OpenAPI document, asked what it says may be asked and what may not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis.strategies import from_regex
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.engine import from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from tests.endings import Sql
from tests.people import People, Person, bearer

# All checks there are run. Three of them find nothing to look at: no route gives one code by its
# id, which `use_after_free` and `ensure_resource_availability` ask for what was deleted or made,
# and `object_level_authorization` asks as somebody else for what was read. One cannot hold
# everywhere: what `positive_data_acceptance` sends has the form of a request that is accepted, and
# whether it is depends on more here.
ACCEPTED = ["2xx", 401, 403, 404, 409]
# A moment may be past, a password common, a code or a mailed token nobody's, and a cursor not one
# of ours.
DECIDED_BY_CONTENT = [
    *("POST /auth/register", "POST /auth/change_password", "POST /auth/reset_password/confirm"),
    *("POST /auth/verify_email", "POST /referral/activate"),
    *("POST /referral/code", "PATCH /referral/code", "POST /referral/codes/{code_id}/activate"),
    *("GET /referral/codes", "GET /referral/referrals", "GET /referral/referrals/{referrer_id}"),
]
# A form may hold what nobody knows, but once only, which OpenAPI has no words for.
DECIDED_BY_FORM = ["POST /auth/revoke"]

# What it would make up by itself is below .test, where nobody can have mail.
ADDRESS = r"[a-z]{1,20}@[a-z]{1,20}\.(com|org|de)"
# Their tokens come by mail only; tests/api/test_openapi_answers.py has their successes.
MAILED = {"POST /auth/reset_password/confirm", "POST /auth/verify_email"}
# Whoever has asked these cannot well ask anything further.
ONCE = ("/auth/logout", "/auth/refresh", "/auth/change_password", "/referral/activate")
EXAMPLES = 3
EXAMPLE_ID = 7


def test_anonymous_requests_are_answered_as_documented(base_url: str, grace: Person) -> None:
    asked = ask_everything(base_url)
    assert not asked.faults, "\n".join(asked.faults)
    assert asked.successes == asked.open_to_all - MAILED


def test_requests_of_a_user_are_answered_as_documented(
    base_url: str, caller: Person, register: People
) -> None:
    assert_all_succeed(ask_everything(base_url, Caller(caller, register)))


def test_requests_of_an_admin_are_answered_as_documented(
    base_url: str, caller: Person, register: People, sql: Sql
) -> None:
    sql("UPDATE users SET is_admin = true WHERE id = %s", caller.id)
    assert_all_succeed(ask_everything(base_url, Caller(caller, register)))


class Caller(AuthBase):
    """Signs requests, some of them as somebody who has never been there before."""

    def __init__(self, person: Person, register: People) -> None:
        self._person = person
        self._register = register

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        person = self._register() if request.path_url.startswith(ONCE) else self._person
        refreshes = request.path_url == "/auth/refresh"
        token = person.refresh_token if refreshes else person.access_token
        request.headers.update(bearer(token))
        return request


@dataclass
class Asked:
    """What came of it: what was wrong, and which operations did what they were asked."""

    operations: dict[str, Any]
    faults: list[str] = field(default_factory=list)
    successes: set[str] = field(default_factory=set)

    @property
    def open_to_all(self) -> set[str]:
        return {name for name, each in self.operations.items() if "security" not in each}

    def note(self, recorder: ScenarioRecorder) -> None:
        self.faults += faults_of(recorder)
        for id_, interaction in recorder.interactions.items():
            case, response = recorder.cases[id_].value, interaction.response
            as_documented = case.method == case.operation.method.upper()
            if as_documented and response and 200 <= response.status_code < 300:
                self.successes.add(case.operation.label)


def ask_everything(base_url: str, caller: Caller | None = None) -> Asked:
    """Send examples, edge cases, whatever comes to mind, and what follows from answers."""
    schemathesis.openapi.format("email", from_regex(ADDRESS, fullmatch=True))
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json", config=config(base_url))
    if caller:
        schema.auth.set_from_requests(caller)
    asked = Asked(operations_of(schema.raw_schema))
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            asked.faults.append(f"{event.label}: {event.info.message}")
        if isinstance(event, ScenarioFinished):
            asked.note(event.recorder)
    return asked


def config(base_url: str) -> schemathesis.Config:
    return schemathesis.Config.from_dict(
        {
            "base-url": base_url,
            "seed": 1815,
            "cache": {"enabled": False},
            "continue-on-failure": True,
            "generation": {"max-examples": EXAMPLES, "database": "none", "no-shrink": True},
            "operations": [
                accepting(DECIDED_BY_CONTENT, [*ACCEPTED, 422]),
                accepting(DECIDED_BY_FORM, [*ACCEPTED, 400]),
                registering_others(),
            ],
        }
    )


def operations_of(document: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def accepting(names: list[str], statuses: list[object]) -> dict[str, Any]:
    """That these operations may answer a request of good form with these statuses."""
    checks = {"positive_data_acceptance": {"expected-statuses": statuses}}
    return {"include-name": names, "checks": checks}


def registering_others() -> dict[str, Any]:
    """That those who register are not the people of answers, who have registered."""
    fuzzing = {"extra-data-sources": {"responses": False}, "generation": {"max-examples": 15}}
    return {"include-name": "POST /auth/register", "phases": {"fuzzing": fuzzing}}


def faults_of(recorder: ScenarioRecorder) -> Iterator[str]:
    for checks in recorder.checks.values():
        for check in checks:
            if info := check.failure_info:
                yield f"{check.name}: {info.failure.message}\n{info.code_sample}\n"


def assert_all_succeed(asked: Asked) -> None:
    """Nothing was wrong, and everything that needs no mail did at least once what it is for."""
    assert not asked.faults, "\n".join(asked.faults)
    assert asked.successes == asked.operations.keys() - MAILED


@pytest.fixture
def grace(register: People) -> Person:
    """Whose address, password and code the document gives as examples."""
    grace = register(email="grace@example.com")
    grace.publish(code="K7MPX4QT")
    return grace


@pytest.fixture
def caller(grace: Person, register: People) -> Person:
    """Somebody with some codes and referrals, who has the id that the document has in examples."""
    caller = next(each for each in iter(register, None) if each.id == EXAMPLE_ID)
    codes = [caller.publish() for _ in range(EXAMPLE_ID)]
    register(referral_code=codes[-1]["code"])
    assert EXAMPLE_ID in [code["id"] for code in codes]
    return caller
