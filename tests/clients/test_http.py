"""The one door to web services: what goes out, what may come in, and how long it may take."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket
from time import monotonic
from typing import Any

import pytest

from app.clients import OutsideError
from app.clients.http import Answer, get_json
from dev.ports import free_port
from tests import stub_server
from tests.quiet import assert_when_quiet
from tests.stub_server import Behaviour, StubServer, gives, redirects, sends

CHECKOUT = Path(__file__).parent.parent.parent
CERTIFICATE = Path(__file__).with_name("localhost.pem")
LARGEST = 256 * 1024
OWN_NETWORK = ["sh", "-c", 'unshare --map-root-user --mount --net "$@"', "sh"]


@pytest.fixture
def secure_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    """Has a certificate of its own for `localhost`, which nobody trusts by default."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with StubServer(CERTIFICATE) as server:
        yield server


def ask(url: str, seconds: float = 10, token: str = "secret", **params: str) -> Answer:
    return get_json(url, params=params, token=token, seconds=seconds)


def outcome(ask: Callable[[], Any]) -> str:
    with pytest.raises(OutsideError) as error:
        ask()
    return error.value.outcome


def test_what_is_found_is_given_with_its_status(service: StubServer) -> None:
    service.answer = gives({"name": "Ада", "ages": [1, 2.5, None, True]})
    assert ask(service.url()) == Answer(200, {"name": "Ада", "ages": [1, 2.5, None, True]})


@pytest.mark.parametrize("status", [201, 202, 301, 404, 429, 500, 599])
def test_of_any_other_status_the_body_is_not_read(service: StubServer, status: int) -> None:
    service.answer = sends(b"<h1>Sorry", status)
    assert ask(service.url()) == Answer(status, None)


def test_the_token_goes_in_a_header_and_never_in_the_address(service: StubServer) -> None:
    ask(service.url(), token="s3cret")
    [request] = service.received
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in request.target


def test_the_service_says_who_it_is_and_asks_for_nothing_compressed(service: StubServer) -> None:
    ask(service.url())
    [request] = service.received
    assert request.headers["User-Agent"] == "referral"
    assert "Accept-Encoding" not in request.headers


@pytest.mark.parametrize(
    "email", ["ada+tag@example.com", "a&b=c#d%20?@example.com", "葉士豪@臺網中心.tw", "a b@x.org"]
)
def test_an_address_arrives_as_it_is(service: StubServer, email: str) -> None:
    ask(service.url(), email=email)
    [request] = service.received
    assert request.query == {"email": [email]}


def test_a_query_that_the_url_has_is_kept(service: StubServer) -> None:
    ask(service.url(path="/find?stage=1"), email="ada@example.com")
    [request] = service.received
    assert request.target == "/find?stage=1&email=ada%40example.com"


@pytest.mark.parametrize(
    "behaviour",
    [stub_server.hangs, stub_server.hangs_in_the_body, stub_server.trickles],
    ids=lambda behaviour: behaviour.__name__,
)
def test_a_call_ends_in_time(service: StubServer, behaviour: Behaviour) -> None:
    service.answer = behaviour
    started = monotonic()
    assert outcome(lambda: ask(service.url(), seconds=0.3)) == "timeout"
    taken = monotonic() - started
    assert taken > 0.25
    assert_when_quiet(taken < 1, taken)


def test_a_service_that_takes_no_connection_is_given_up_in_time() -> None:
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert outcome(lambda: ask(url, seconds=0.3)) == "timeout"


def test_looking_up_the_host_counts_as_well() -> None:
    if subprocess.run([*OWN_NETWORK, "true"], capture_output=True).returncode:
        pytest.skip("This machine lets nobody have a network of their own.")
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.clients.hanging_resolver"]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert ran.stdout == "timeout in time\n", ran.stderr


@pytest.mark.parametrize(
    "behaviour",
    [
        stub_server.floods,
        stub_server.floods_in_chunks,
        stub_server.floods_until_it_closes,
        sends(b'"' + b"a" * (LARGEST - 1) + b'"'),
    ],
    ids=["with a length", "in chunks", "without a length", "by a byte"],
)
def test_a_body_that_is_too_large_is_not_taken(service: StubServer, behaviour: Behaviour) -> None:
    service.answer = behaviour
    assert outcome(lambda: ask(service.url())) == "too_large"


def test_a_body_as_large_as_may_be_is_taken(service: StubServer) -> None:
    letters = "a" * (LARGEST - 2)
    service.answer = gives(letters)
    assert ask(service.url()).body == letters


def test_what_comes_compressed_all_the_same_is_not_unpacked(service: StubServer) -> None:
    bomb = gzip.compress(b" " * 1_000_000 + b"{}")
    service.answer = sends(bomb, Content_Encoding="gzip")
    assert outcome(lambda: ask(service.url())) == "malformed"


MALFORMED = {
    "nothing": b"",
    "no JSON": b"<h1>OK",
    "half": b'{"data": {"status":',
    "more after it": b"{} {}",
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "beyond any float": b"[1e999]",
    "an integer of 5000 digits": b"1" * 5000,
    "UTF-16": "{}".encode("utf-16"),
    "Latin-1": b'"\xe9"',
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate": rb'{"a": ["\ud800"]}',
    "a lone surrogate in a key": rb'{"\udfff": 1}',
    "NUL": rb'{"a": ["\u0000"]}',
    "NUL in a key": rb'{"a\u0000": 1}',
    "nesting that exhausts a parser": b"[" * 100_000,
    "nesting that is closed": b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_sane_json_is_not_read(service: StubServer, body: bytes) -> None:
    service.answer = sends(body)
    assert outcome(lambda: ask(service.url())) == "malformed"


def test_what_only_looks_odd_is_read(service: StubServer) -> None:
    odd = {"\\u0000": ["\U0001f600", "\\ud800", 1e308, -0.5, 10**40], "": {}}
    service.answer = sends(json.dumps(odd).encode())
    assert ask(service.url()).body == odd


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(service: StubServer, status: int) -> None:
    with StubServer() as inside:
        service.answer = redirects(inside.url(), status)
        assert ask(service.url()).status == status
        assert inside.received == []


def test_no_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text("{}")
    assert outcome(lambda: ask(file.as_uri())) == "failed"


@pytest.mark.parametrize(
    "behaviour",
    [stub_server.closes_early, stub_server.closes_at_once, stub_server.stammers],
    ids=lambda behaviour: behaviour.__name__,
)
def test_a_connection_that_breaks_is_a_failure(service: StubServer, behaviour: Behaviour) -> None:
    service.answer = behaviour
    assert outcome(lambda: ask(service.url())) == "failed"


def test_a_service_that_is_not_there_is_unreachable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert outcome(lambda: ask(url)) == "unreachable"


@pytest.mark.parametrize("url", ["http://бюро.invalid/find", "http://a b/", "find"])
def test_an_odd_address_of_a_service_is_no_crash(url: str) -> None:
    assert outcome(lambda: ask(url, seconds=1)) in ("failed", "unreachable", "timeout")


def test_a_key_of_any_letters_is_no_crash(service: StubServer) -> None:
    assert ask(service.url(), token="ключ").status == 200


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure_service: StubServer) -> None:
    assert outcome(lambda: ask(secure_service.url("localhost"))) == "tls"
    assert secure_service.received == []


def test_a_deployment_can_vouch_for_certificates_of_its_own(
    secure_service: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert ask(secure_service.url("localhost")) == Answer(200, {})


def test_a_certificate_of_another_host_is_not_trusted(
    secure_service: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert outcome(lambda: ask(secure_service.url("127.0.0.1"))) == "tls"
    assert secure_service.received == []


def test_without_the_certificates_that_are_named_nothing_is_trusted(
    secure_service: StubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    assert outcome(lambda: ask(secure_service.url("localhost"))) == "tls"


def test_calls_go_through_the_proxy_of_the_environment(
    service: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", service.url(path=""))
    assert ask("http://service.invalid/find", email="a@b.c") == Answer(200, {})
    [request] = service.received
    assert request.target == "http://service.invalid/find?email=a%40b.c"


def test_a_proxy_sees_no_token_of_an_encrypted_call(
    service: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", service.url(path=""))
    service.answer = sends(b"", 502)
    outcome(lambda: ask("https://service.invalid/find"))
    [request] = service.received
    assert (request.method, request.target) == ("CONNECT", "service.invalid:443")
    assert "Authorization" not in request.headers


def test_an_error_says_neither_whom_was_asked_nor_what(service: StubServer) -> None:
    service.answer = sends(b"what the server said")
    with pytest.raises(OutsideError) as error:
        ask(service.url(), token="s3cret", email="ada@example.com")
    assert (str(error.value), error.value.__cause__) == ("malformed", None)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (202, "pending"),
        (222, "pending"),
        (301, "redirected"),
        (308, "redirected"),
        (400, "declined"),
        (401, "refused"),
        (402, "quota"),
        (403, "refused"),
        (404, "failed"),
        (418, "failed"),
        (422, "declined"),
        (429, "quota"),
        (451, "declined"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_a_status_that_was_not_hoped_for_has_a_meaning(status: int, meaning: str) -> None:
    assert Answer(status, None).failure().outcome == meaning
