"""A mail server on loopback that takes mails, or fails to, as a test tells it."""

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from enum import Enum, auto
from pathlib import Path
from threading import Event
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.ports import free_port

TAKEN = "250 OK"


class Encryption(Enum):
    NONE = auto()
    STARTTLS = auto()
    FROM_THE_FIRST_BYTE = auto()


class Ending(Enum):
    """What it does once it has read a whole mail."""

    TAKES = auto()
    HANGS = auto()
    TAKES_AND_DROPS_THE_LINE = auto()
    TAKES_AND_DROPS_THE_LINE_UNANSWERED = auto()


@dataclass(frozen=True)
class Mail:
    """A mail that was taken, with its envelope."""

    sender: str
    recipients: list[str]
    options: list[str]
    content: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=default).parsebytes(self.content)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


class MailServer:
    """The server, for the length of a `with` block; `ending` may be set at any time.

    :param encryption: takes mails only so encrypted, as the owner of the certificate.
    :param certificate: a file with a certificate and its key.
    :param login: the name and the password that are demanded, once the line is encrypted.
    :param utf8: whether to offer SMTPUTF8.
    """

    def __init__(
        self,
        encryption: Encryption = Encryption.NONE,
        certificate: Path | None = None,
        login: tuple[str, str] | None = None,
        utf8: bool = True,
    ) -> None:
        self.port = free_port()
        self.mails: list[Mail] = []
        self.goodbyes = 0
        self.was_reached = Event()
        self.was_given_up = Event()
        self.ending = Ending.TAKES
        self._refusals: dict[str, tuple[str, int]] = {}
        self._asked: Counter[str] = Counter()
        self._login = login
        context = _context(certificate) if certificate else None
        starttls = encryption is Encryption.STARTTLS
        self._controller = Controller(
            self,
            "127.0.0.1",
            self.port,
            ssl_context=context if encryption is Encryption.FROM_THE_FIRST_BYTE else None,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=login is not None,
            auth_callback=self._may_enter,
            enable_SMTPUTF8=utf8,
            server_hostname="localhost",
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def refuse(self, command: str, answer: str, every: int = 1) -> None:
        """Answer so to every MAIL, RCPT or DATA from now on, or to every second, every third."""
        self._refusals[command] = (answer, every)
        self._asked[command] = 0

    def recover(self) -> None:
        """Take everything again."""
        self._refusals.clear()
        self.ending = Ending.TAKES

    async def handle_MAIL(  # noqa: N802
        self, _: SMTP, _session: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return self._refusal("MAIL") or TAKEN

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, _session: Session, envelope: Envelope, recipient: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(recipient)
        return self._refusal("RCPT") or TAKEN

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if refusal := self._refusal("DATA"):
            return refusal
        if self.ending is Ending.HANGS:
            await self._wait_for_the_client_to_give_up()
        self._take(server, envelope)
        if self.ending is Ending.TAKES_AND_DROPS_THE_LINE:
            await server.push(TAKEN)
        if self.ending is not Ending.TAKES:
            # This is how aiosmtpd is told that the connection is over.
            raise asyncio.CancelledError
        return TAKEN

    async def handle_QUIT(self, *_: Any) -> str:  # noqa: N802
        self.goodbyes += 1
        return "221 Bye"

    async def _wait_for_the_client_to_give_up(self) -> None:
        try:
            self.was_reached.set()
            await asyncio.Event().wait()
        finally:
            self.was_given_up.set()

    def _refusal(self, command: str) -> str | None:
        self._asked[command] += 1
        answer, every = self._refusals.get(command, (None, 1))
        return answer if self._asked[command] % every == 0 else None

    def _take(self, server: SMTP, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        assert server.transport
        self.mails.append(
            Mail(
                sender=envelope.mail_from or "",
                recipients=list(envelope.rcpt_tos),
                options=list(envelope.mail_options),
                content=envelope.content,
                encrypted=server.transport.get_extra_info("sslcontext") is not None,
            )
        )

    def _may_enter(self, _mechanism: str, name: bytes, password: bytes) -> bool:
        return (name.decode(), password.decode()) == self._login


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
