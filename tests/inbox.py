"""The mails that the service sends, read as their recipients would."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import idna
import pytest
from flask import Flask

from app.services import mails
from dev.ports import free_port


class Inbox:
    """Sends what is due, and finds what went to somebody."""

    def __init__(self, app: Flask, folder: Path):
        self._app = app
        self._folder = folder

    def deliver(self) -> None:
        """Do what the worker does."""
        with self._app.app_context():
            mails.send_due()

    def fail_to_deliver(self) -> None:
        """Do what the worker does, while there is no mail server."""
        with self.sending_to(free_port()):
            self.deliver()

    @contextmanager
    def sending_to(self, port: int) -> Iterator[None]:
        """Meanwhile mails go to the mail server at this port."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(self._app.config, "MAILBOX", "")
            patch.setitem(self._app.config, "MAIL_SERVER", "127.0.0.1")
            patch.setitem(self._app.config, "MAIL_PORT", port)
            patch.setitem(self._app.config, "MAIL_USE_TLS", False)
            yield

    def all(self) -> list[EmailMessage]:
        """Everything that went to anybody, once what is due is sent; in no order."""
        self.deliver()
        files = sorted(self._folder.glob("new/*"))
        return [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in files]

    def mails(self, recipient: str) -> list[EmailMessage]:
        """What of it went to this address."""
        return [mail for mail in self.all() if recipient_of(mail) == recipient]

    def mail(self, recipient: str, subject: str) -> EmailMessage:
        """The one mail to this address whose subject has this in it."""
        (mail,) = [mail for mail in self.mails(recipient) if subject in mail["Subject"]]
        return mail

    def subjects(self, recipient: str) -> list[str]:
        """What the mails to this address are about."""
        return sorted(str(mail["Subject"]) for mail in self.mails(recipient))

    def token(self, recipient: str, page: str) -> str:
        """The token in the one mail that leads this person to this page."""
        (token,) = self.tokens(recipient, page)
        return token

    def tokens(self, recipient: str, page: str) -> list[str]:
        """The tokens in all mails that lead this person to this page."""
        found = [
            re.findall(rf"/{page}#token=(\S+)", text_of(mail)) for mail in self.mails(recipient)
        ]
        return [token for tokens in found for token in tokens]


def recipient_of(mail: EmailMessage) -> str:
    """To whom it is addressed, in the form in which the service knows the address."""
    # As it stands: the standard library would take `=?utf-8?q?x?=@example.com` for another word.
    header = dict(mail.raw_items())["To"].encode("utf-8", "surrogateescape").decode("utf-8")
    return with_unicode_domain(header.strip(" <>\r\n"))


def with_unicode_domain(address: str) -> str:
    local_part, _, domain = address.rpartition("@")
    return f"{local_part}@{idna.decode(domain)}"


def text_of(mail: EmailMessage) -> str:
    """What a reader sees whose program shows no HTML."""
    return _body(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    return _body(mail, "html")


def _body(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text
