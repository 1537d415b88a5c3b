"""Mails to hand over, and how it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from socket import SHUT_WR, create_server, socket
from threading import Thread

import pytest

from app.clients import OutsideError
from app.clients.smtp import Smtp
from tests.mail_server import Encryption

ADA = "ada@example.com"
UNICODE = "почта@пример.рф"


def client(
    port: int,
    encryption: Encryption = Encryption.NONE,
    login: tuple[str, str] = ("", ""),
    host: str = "localhost",
) -> Smtp:
    starttls = encryption is Encryption.STARTTLS
    from_the_first_byte = encryption is Encryption.FROM_THE_FIRST_BYTE
    return Smtp(host, port, starttls, from_the_first_byte, *login)


def mail(recipient: str = ADA, text: str = "Hello") -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    message["From"] = "Рефералы <referrals@localhost>"
    local_part, _, domain = recipient.rpartition("@")
    message["To"] = Address(username=local_part, domain=domain)
    message["Subject"] = "Привет"
    message["Message-ID"] = "<one@localhost>"
    message.set_content(text, cte="quoted-printable")
    return message


def outcome(send: Callable[[EmailMessage], None], message: EmailMessage | None = None) -> str:
    with pytest.raises(OutsideError) as error:
        send(message or mail())
    return error.value.outcome


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """A server that says this to whoever comes first, and no more; gives its port."""
    with create_server(("127.0.0.1", 0)) as listening:
        speaker = Thread(target=say, args=(listening, words))
        speaker.start()
        yield listening.getsockname()[1]
        speaker.join()


def say(listening: socket, words: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(words)
        connection.shutdown(SHUT_WR)
        # Closed with something unread, the connection might take back what it said.
        while connection.recv(4096):
            pass
