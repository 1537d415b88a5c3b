"""What Clearbit's answers mean."""

import json
from time import monotonic
from typing import Any

import pytest

from app.clients import OutsideError
from app.clients.clearbit import Clearbit
from tests import stub_server
from tests.quiet import assert_when_quiet
from tests.stub_server import StubServer, gives, sends

LARGEST = 64 * 1024
ADA = {"name": {"fullName": "Ada Lovelace"}, "site": None}
ENGINES = {"name": "Analytical Engines", "tags": ["hardware"]}


@pytest.fixture
def clearbit(service: StubServer) -> Clearbit:
    return Clearbit("secret", service.url(path="/v2/combined/find"))


def failure(clearbit: Clearbit) -> str:
    with pytest.raises(OutsideError) as error:
        clearbit.find("ada@example.com")
    return error.value.outcome


@pytest.mark.parametrize(
    "profile",
    [
        {"person": ADA, "company": ENGINES},
        {"person": ADA, "company": None},
        {"person": None, "company": ENGINES},
    ],
    ids=["both", "a person", "a company"],
)
def test_what_is_known_is_the_profile(
    service: StubServer, clearbit: Clearbit, profile: dict[str, Any]
) -> None:
    service.answer = gives(profile)
    assert clearbit.find("ada@example.com") == profile


def test_nothing_else_gets_into_the_profile(service: StubServer, clearbit: Clearbit) -> None:
    service.answer = gives({"person": ADA, "debug": {"key": "secret"}})
    assert clearbit.find("ada@example.com") == {"person": ADA, "company": None}


def test_clearbit_is_asked_as_its_documentation_says(
    service: StubServer, clearbit: Clearbit
) -> None:
    clearbit.find("ada+tag@example.com")
    [request] = service.received
    assert request.target == "/v2/combined/find?email=ada%2Btag%40example.com"
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("body", [{}, {"person": None, "company": None}, {"error": {}}], ids=str)
def test_where_nobody_is_known_there_is_no_profile(
    service: StubServer, clearbit: Clearbit, body: Any
) -> None:
    service.answer = gives(body)
    assert clearbit.find("ada@example.com") is None


@pytest.mark.parametrize("status", [400, 404, 422, 451])
def test_an_unknown_address_has_no_profile(
    service: StubServer, clearbit: Clearbit, status: int
) -> None:
    service.answer = gives({"error": {"type": "unknown_record"}}, status)
    assert clearbit.find("ada@example.com") is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (202, "pending"),
        (301, "redirected"),
        (401, "refused"),
        (402, "quota"),
        (403, "refused"),
        (429, "quota"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_any_other_status_is_no_answer(
    service: StubServer, clearbit: Clearbit, status: int, outcome: str
) -> None:
    service.answer = gives({"person": ADA, "company": None}, status)
    assert failure(clearbit) == outcome


@pytest.mark.parametrize(
    "body",
    [None, [], "Ada", {"person": "Ada"}, {"person": []}, {"person": ADA, "company": 0}],
    ids=str,
)
def test_a_profile_of_another_shape_is_malformed(
    service: StubServer, clearbit: Clearbit, body: Any
) -> None:
    service.answer = gives(body)
    assert failure(clearbit) == "malformed"


def test_broken_json_is_malformed(service: StubServer, clearbit: Clearbit) -> None:
    service.answer = sends(b'{"person": {}, "company": nul')
    assert failure(clearbit) == "malformed"


def test_a_profile_may_have_64_kib_and_no_more(service: StubServer, clearbit: Clearbit) -> None:
    profile = {"person": {"bio": "ф"}, "company": None}
    profile = profile | {"person": {"bio": "ф" + "a" * (LARGEST - size(profile))}}
    service.answer = gives(profile)
    assert clearbit.find("ada@example.com") == profile
    service.answer = gives({"person": {"bio": profile["person"]["bio"] + "a"}, "company": None})
    assert failure(clearbit) == "too_large"


def test_an_answer_as_large_as_a_film_is_not_taken(service: StubServer, clearbit: Clearbit) -> None:
    service.answer = stub_server.floods_in_chunks
    assert failure(clearbit) == "too_large"


def test_clearbit_has_ten_seconds(service: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Clearbit.seconds == 10
    monkeypatch.setattr(Clearbit, "seconds", 0.1)
    service.answer = stub_server.trickles
    started = monotonic()
    assert failure(Clearbit("secret", service.url())) == "timeout"
    taken = monotonic() - started
    assert_when_quiet(taken < 1, taken)


def size(profile: Any) -> int:
    return len(json.dumps(profile, ensure_ascii=False).encode())
