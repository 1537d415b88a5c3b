"""Handing mails over to nobody but the right server, by way of TLS and a log-in."""

from collections.abc import Iterator
from pathlib import Path
from traceback import format_exception

import pytest

from app.clients import OutsideError
from app.clients.smtp import Smtp
from tests.clients.handing_over import ADA, client, mail, outcome, saying
from tests.mail_server import Encryption, MailServer

# Of `localhost` and of nobody else; nobody trusts it by default.
CERTIFICATE = Path(__file__).with_name("localhost.pem")
NAME, PASSWORD = "referrals", "an open sesame"

every_encryption = pytest.mark.parametrize(
    "encryption", [Encryption.STARTTLS, Encryption.FROM_THE_FIRST_BYTE]
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate for `localhost`."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@every_encryption
@pytest.mark.usefixtures("trust")
def test_a_mail_goes_encrypted(encryption: Encryption) -> None:
    with MailServer(encryption, CERTIFICATE) as server:
        client(server.port, encryption).send(mail())
    assert [taken.encrypted for taken in server.mails] == [True]


@pytest.mark.usefixtures("trust")
def test_tls_from_the_first_byte_leaves_nothing_to_starttls() -> None:
    with MailServer(Encryption.FROM_THE_FIRST_BYTE, CERTIFICATE) as server:
        Smtp("localhost", server.port, True, True, "", "").send(mail())
    assert len(server.mails) == 1


@every_encryption
def test_a_server_that_nobody_vouches_for_gets_nothing(encryption: Encryption) -> None:
    with MailServer(encryption, CERTIFICATE) as server:
        assert outcome(client(server.port, encryption).send) == "tls"
    assert server.mails == []


@every_encryption
@pytest.mark.usefixtures("trust")
def test_a_server_with_the_certificate_of_another_gets_nothing(encryption: Encryption) -> None:
    with MailServer(encryption, CERTIFICATE) as server:
        assert outcome(client(server.port, encryption, host="127.0.0.1").send) == "tls"
    assert server.mails == []


@every_encryption
def test_a_server_without_tls_gets_nothing_in_clear_text(
    server: MailServer, encryption: Encryption
) -> None:
    assert outcome(client(server.port, encryption, (NAME, PASSWORD)).send) == "tls"
    assert server.mails == []


def test_a_server_that_demands_tls_refuses_without() -> None:
    with MailServer(Encryption.STARTTLS, CERTIFICATE) as server:
        assert outcome(client(server.port).send) == "refused 530"


@pytest.fixture
def guarded(trust: None) -> Iterator[MailServer]:
    """A server that demands a log-in."""
    with MailServer(Encryption.STARTTLS, CERTIFICATE, login=(NAME, PASSWORD)) as server:
        yield server


def test_whoever_logs_in_may_send(guarded: MailServer) -> None:
    client(guarded.port, Encryption.STARTTLS, (NAME, PASSWORD)).send(mail())
    assert len(guarded.mails) == 1


@pytest.mark.parametrize("password", ["wrong", "", "пароль"])
def test_a_wrong_password_is_refused(guarded: MailServer, password: str) -> None:
    login = (NAME, password)
    assert outcome(client(guarded.port, Encryption.STARTTLS, login).send) == "login refused"


def test_whoever_does_not_log_in_is_refused(guarded: MailServer) -> None:
    assert outcome(client(guarded.port, Encryption.STARTTLS).send) == "refused 530"


def test_where_nobody_can_log_in_nothing_goes_without(server: MailServer) -> None:
    assert outcome(client(server.port, login=(NAME, PASSWORD)).send) == "login refused"
    assert server.mails == []


def test_a_line_that_drops_at_the_log_in_is_no_refusal() -> None:
    with saying(b"220 Welcome\r\n250-localhost\r\n250 AUTH PLAIN\r\n") as port:
        assert outcome(client(port, login=(NAME, PASSWORD)).send) == "connection lost"


@pytest.mark.parametrize("password", [PASSWORD, "wrong", "пароль"])
def test_a_failure_names_no_address_or_password_nor_what_the_server_said(
    guarded: MailServer, password: str
) -> None:
    guarded.refuse("RCPT", f"550 {ADA} is not wanted")
    with pytest.raises(OutsideError) as error:
        client(guarded.port, Encryption.STARTTLS, (NAME, password)).send(mail())
    told = "".join(format_exception(error.value))
    for secret in (ADA, password, "not wanted", "credentials invalid"):
        assert secret not in told
