"""nginx with TLS=on and a certificate."""

import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deployed.service import Service
from tests.people import People
from tests.problems import assert_problem
from tests.system.nginx import Nginx

CERTIFICATE = Path(__file__).parents[1] / "clients" / "localhost.pem"


@pytest.fixture(scope="module")
def nginx(service: Service, folder: Path) -> Iterator[Nginx]:
    certificates = folder / "certificates"
    certificates.mkdir()
    # One file holds both.
    for name in ("fullchain.pem", "privkey.pem"):
        shutil.copy(CERTIFICATE, certificates / name)
    servers = f"server 127.0.0.1:{service.port};"
    with Nginx(folder, servers, TLS="on", CERTIFICATES=str(certificates)) as nginx:
        yield nginx


@pytest.fixture
def https(nginx: Nginx) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    with httpx.Client(base_url=nginx.tls_url, verify=context, trust_env=False) as client:
        yield client


def test_the_service_answers_by_tls(https: httpx.Client) -> None:
    person = People(https)()
    assert person.get("/auth/me").is_success


@pytest.mark.parametrize("path", ["/healthz", "/auth/me", "/swagger", "/metrics", "/flower/"])
def test_every_answer_tells_browsers_to_keep_to_tls(https: httpx.Client, path: str) -> None:
    response = https.get(path)
    [lasting] = response.headers.get_list("Strict-Transport-Security")
    assert int(lasting.removeprefix("max-age=")) == 2 * 365 * 86_400


def test_what_nginx_refuses_by_tls_is_a_problem(https: httpx.Client) -> None:
    assert_problem(https.get("/metrics"), 404, "not_found")
    assert_problem(https.post("/auth/login", content=b" " * 100_000), 413, "body_too_large")


def test_without_tls_a_page_is_sent_there(http: httpx.Client) -> None:
    response = http.get("/swagger?limit=1")
    assert response.status_code == 308
    assert response.headers["Location"] == "https://127.0.0.1/swagger?limit=1"
    assert "Strict-Transport-Security" not in response.headers


@pytest.mark.parametrize("path", ["/auth/me", "/referral/code/by-email", "/api/v1/auth/login"])
def test_without_tls_a_program_is_refused(http: httpx.Client, path: str) -> None:
    assert_problem(http.post(path), 403, "forbidden")


def test_whoever_watches_needs_no_tls(http: httpx.Client) -> None:
    assert http.get("/healthz").is_success


def test_speaking_http_to_the_port_of_tls_is_a_problem(nginx: Nginx) -> None:
    plain = nginx.tls_url.replace("https", "http")
    assert_problem(httpx.get(plain, trust_env=False), 400, "bad_request")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(nginx: Nginx) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as connection,
        pytest.raises(ssl.SSLError, match="alert protocol version"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "AES256-SHA"])
def test_ciphers_without_forward_secrecy_or_authentication_of_data_are_refused(
    nginx: Nginx, cipher: str
) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as connection,
        pytest.raises(ssl.SSLError, match="alert handshake failure"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_no_session_ticket_outlives_a_restart(https: httpx.Client, nginx: Nginx) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secured,
    ):
        assert secured.session
        assert not secured.session.has_ticket
