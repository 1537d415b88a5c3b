"""What Hunter's answers mean."""

from time import monotonic
from typing import Any

import pytest

from app.clients import OutsideError
from app.clients.hunter import VERDICTS, Hunter
from tests import stub_server
from tests.quiet import assert_when_quiet
from tests.stub_server import StubServer, gives, sends


@pytest.fixture
def hunter(service: StubServer) -> Hunter:
    return Hunter("secret", service.url(path="/v2/email-verifier"))


def failure(hunter: Hunter) -> str:
    with pytest.raises(OutsideError) as error:
        hunter.verdict("ada@example.com")
    return error.value.outcome


@pytest.mark.parametrize("status", [*sorted(VERDICTS), "something new"])
def test_the_status_of_an_address_is_the_verdict(
    service: StubServer, hunter: Hunter, status: str
) -> None:
    service.answer = gives({"data": {"status": status, "score": 1}, "meta": {}})
    assert hunter.verdict("ada@example.com") == status


def test_hunter_is_asked_as_its_documentation_says(service: StubServer, hunter: Hunter) -> None:
    service.answer = gives({"data": {"status": "valid"}})
    hunter.verdict("ada+tag@example.com")
    [request] = service.received
    assert request.target == "/v2/email-verifier?email=ada%2Btag%40example.com"
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "valid",
        {},
        {"status": "valid"},
        {"data": None},
        {"data": []},
        {"data": [{"status": "valid"}]},
        {"data": {}},
        {"data": {"status": None}},
        {"data": {"status": 1}},
        {"data": {"status": ["valid"]}},
    ],
    ids=str,
)
def test_an_answer_without_a_status_is_no_verdict(
    service: StubServer, hunter: Hunter, body: Any
) -> None:
    service.answer = gives(body)
    assert failure(hunter) == "malformed"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (202, "pending"),
        (222, "pending"),
        (302, "redirected"),
        (400, "declined"),
        (401, "refused"),
        (403, "refused"),
        (404, "failed"),
        (422, "declined"),
        (429, "quota"),
        (451, "declined"),
        (500, "failed"),
    ],
)
def test_only_a_200_is_a_verdict(
    service: StubServer, hunter: Hunter, status: int, outcome: str
) -> None:
    service.answer = gives({"data": {"status": "invalid"}}, status)
    assert failure(hunter) == outcome


def test_broken_json_is_no_verdict(service: StubServer, hunter: Hunter) -> None:
    service.answer = sends(b'{"data": {"status": "invalid"}')
    assert failure(hunter) == "malformed"


def test_hunter_has_two_seconds(service: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Hunter.seconds == 2
    monkeypatch.setattr(Hunter, "seconds", 0.1)
    service.answer = stub_server.hangs
    started = monotonic()
    assert failure(Hunter("secret", service.url())) == "timeout"
    taken = monotonic() - started
    assert_when_quiet(taken < 1, taken)
