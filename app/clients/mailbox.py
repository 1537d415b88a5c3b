"""Mails as files in place of a mail server, for development: a Maildir."""

import re
from dataclasses import dataclass
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from mailbox import Maildir
from pathlib import Path

# As an address the standard library reads encoded words, too, and raises where it finds a new line;
# `=?utf-8?q?=0d=0a?=@example.com` is somebody's address all the same.
HEADERS = HeaderRegistry()
del HEADERS.registry["from"], HEADERS.registry["to"]
# No server decides here what it can take, so Unicode addresses stay as they are.
KEPT = default.clone(utf8=True, header_factory=HEADERS)


@dataclass(frozen=True)
class Entry:
    """A mail in a list."""

    key: str
    subject: str
    recipient: str
    date: str


class Mailbox:
    """A folder that takes the mails. It is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Keep this mail; it is there as a whole or not at all."""
        self._open().add(message.as_bytes(policy=KEPT))

    def newest(self, limit: int = 50) -> list[Entry]:
        """The latest mails to come, newest first."""
        maildir = self._open()
        latest = sorted(maildir.keys(), key=_arrival, reverse=True)[:limit]
        return [_entry(key, mail) for key in latest if (mail := _read(maildir, key))]

    def get(self, key: str) -> EmailMessage | None:
        """The mail with this key, if there is one."""
        return _read(self._open(), key)

    def _open(self) -> Maildir:
        # Each time anew: a Maildir must not be shared by threads, and two processes that make one
        # at once would be in each other's way.
        for name in ("tmp", "new", "cur"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Maildir(self._folder)


def _read(maildir: Maildir, key: str) -> EmailMessage | None:
    try:
        # The key is looked for among those there are, and is never made into a path.
        content = maildir.get_bytes(key)
    except (KeyError, FileNotFoundError):
        return None
    return BytesParser(policy=KEPT).parsebytes(content)


def _entry(key: str, mail: EmailMessage) -> Entry:
    return Entry(key, *(str(mail[name]) for name in ("Subject", "To", "Date")))


def _arrival(key: str) -> list[int]:
    """When it came: a Maildir's keys begin with the seconds and microseconds."""
    return [int(number) for number in re.findall(r"\d+", key)]
