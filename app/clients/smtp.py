"""Handing mails to a mail server (SMTP, RFC 5321)."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any

from app.clients import OutsideError

# RFC 5321, section 4.5.3.2, would wait for minutes, longer than a task may run. A mail server that
# is well answers within a second or two.
TIMEOUT_SECONDS = 10.0


class Smtp:
    """A mail server. Each mail has a connection of its own.

    :param use_tls: STARTTLS (RFC 3207), without which nothing is sent.
    :param use_ssl: TLS from the first byte (RFC 8314), instead of STARTTLS.
    :param username: who logs in, or nothing not to.
    """

    # For each step: connecting, a command and its answer, the message.
    timeout = TIMEOUT_SECONDS

    def __init__(
        self, server: str, port: int, use_tls: bool, use_ssl: bool, username: str, password: str
    ) -> None:
        self._server = server
        self._port = port
        self._use_tls = use_tls and not use_ssl
        self._use_ssl = use_ssl
        self._username = username
        self._password = password

    def send(self, message: EmailMessage) -> None:
        """Return once the server has taken this mail, which has one recipient.

        :raises OutsideError: it did not: `unreachable`, `timeout`, `connection lost`, `tls`, `login
            refused`, `refused` and the code of its answer, `no utf8` (it does not offer SMTPUTF8,
            RFC 6531, which the addresses need), `malformed` (what it says is not SMTP), or
            `unsendable` (no mail server would take such a message).
        """
        try:
            with _ended(self._connect()) as connection:
                self._introduce(connection)
                connection.send_message(message)
        except (OSError, ValueError) as error:
            # What the server said, which may name an address, ends here.
            raise OutsideError(_outcome(error)) from None

    def _connect(self) -> smtplib.SMTP:
        options: dict[str, Any] = {"local_hostname": _own_name(), "timeout": self.timeout}
        if self._use_ssl:
            context = ssl.create_default_context()
            return _EncryptedConnection(self._server, self._port, context=context, **options)
        return _Connection(self._server, self._port, **options)

    def _introduce(self, connection: smtplib.SMTP) -> None:
        connection.ehlo_or_helo_if_needed()
        if self._use_tls:
            with _refusal_called("tls"):
                connection.starttls(context=ssl.create_default_context())
            # What was offered in clear text counts for nothing.
            connection.ehlo_or_helo_if_needed()
        if self._username:
            with _refusal_called("login refused"):
                connection.login(self._username, self._password)


class _Connection(smtplib.SMTP):
    """One that is closed, too, when a time limit cuts its beginning short."""

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        try:
            return super().connect(*args, **kwargs)
        except BaseException:
            self.close()
            raise


class _EncryptedConnection(_Connection, smtplib.SMTP_SSL):
    pass


def _own_name() -> str:
    # smtplib would ask the DNS for it, for as long as that takes. Without a full name an address
    # stands in its place (RFC 5321, section 4.1.4).
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


@contextmanager
def _ended(connection: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    try:
        yield connection
    except (smtplib.SMTPException, OutsideError):
        _leave(connection)
        raise
    else:
        _leave(connection)
    finally:
        with suppress(OSError):
            connection.close()


def _leave(connection: smtplib.SMTP) -> None:
    # A mail that is taken must not be sent again: nothing that happens now is a failure, and the
    # answer is not waited for, so that no time limit can strike in between.
    with suppress(OSError):
        connection.putcmd("QUIT")


@contextmanager
def _refusal_called(outcome: str) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPServerDisconnected:
        raise
    except (smtplib.SMTPException, ValueError):
        raise OutsideError(outcome) from None


def _outcome(error: OSError | ValueError) -> str:
    # smtplib tells of a time-out as of a lost connection.
    if isinstance(error.__context__, TimeoutError):
        return "timeout"
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refusals):
            return _refusal(*(code for code, _ in refusals.values()))
        case smtplib.SMTPResponseException(smtp_code=code):
            return _refusal(code)
        case smtplib.SMTPNotSupportedError():
            return "no utf8"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
        case smtplib.SMTPServerDisconnected():
            return "connection lost"
        case OSError():
            return "unreachable"
    return "unsendable"


def _refusal(code: int) -> str:
    return f"refused {code}" if 400 <= code <= 599 else "malformed"
