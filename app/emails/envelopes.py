"""How a letter goes into a mail: addresses, headers and MIME parts."""

from datetime import datetime
from email.header import Header
from email.headerregistry import Address, AddressHeader, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from typing import Any

import idna

from app.emails.letters import Letter

# Of quoted-printable and of encoded words (RFC 2045, section 6.7; RFC 2047, section 2).
LONGEST_LINE = 76


class WrittenAsSet(BaseHeader):
    """A header that goes out as it was set; what is not ASCII, as RFC 2047 has it.

    The standard library, before it folds a header, reads it once more. Of an address such as
    `=?utf-8?q?=0d=0aBcc=3a...?=@example.com` it makes two headers, and of a Russian subject it
    loses spaces.
    """

    def fold(self, *, policy: Any) -> str:
        value = str(self) if policy.utf8 or self.isascii() else self._in_ascii(policy.linesep)
        return f"{self.name}: {value}{policy.linesep}"

    def _in_ascii(self, linesep: str) -> str:
        if isinstance(self, AddressHeader):
            (address,) = self.addresses
            # On a line of its own, for those with encoded words are short.
            name = self._in_words(address.display_name, linesep)
            return f"{name}{linesep} <{address.addr_spec}>"
        return self._in_words(str(self), linesep)

    def _in_words(self, text: str, linesep: str) -> str:
        header = Header(text, "utf-8", maxlinelen=LONGEST_LINE, header_name=self.name)
        return header.encode(linesep=linesep)


PLAIN = SMTP.clone(
    header_factory=HeaderRegistry(base_class=WrittenAsSet),
    max_line_length=LONGEST_LINE,
)
# For addresses that are not ASCII before the at: only a server that knows SMTPUTF8 takes them.
INTERNATIONAL = PLAIN.clone(utf8=True)


def envelope(
    letter: Letter, *, sender: str, recipient: str, message_id: str, date: datetime
) -> EmailMessage:
    """The mail that brings this letter, to the last byte the same for the same parameters.

    :param sender: a mailbox, with or without a name.
    :param recipient: a canonical address.
    """
    addresses = {"From": _parsed(sender), "To": _address("", *recipient.rsplit("@", 1))}
    headers: dict[str, Any] = {
        **addresses,
        "Subject": letter.subject,
        "Date": date,
        "Message-ID": message_id,
        "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office note comes back
        "Content-Language": letter.language,
    }
    plain = all(address.addr_spec.isascii() for address in addresses.values())
    message = EmailMessage(policy=PLAIN if plain else INTERNATIONAL)
    _put_in(message, letter, boundary=f"=_{sha256(message_id.encode()).hexdigest()[:24]}")
    for name, value in headers.items():
        message[name] = value
    return message


def _put_in(message: EmailMessage, letter: Letter, boundary: str) -> None:
    # Whatever a fact is, no line can be the boundary: quoted-printable has no `=_`.
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    message.set_boundary(boundary)


def _parsed(sender: str) -> Address:
    _, header = SMTP.header_store_parse("From", sender)
    (mailbox,) = header.addresses
    return _address(mailbox.display_name, mailbox.username, mailbox.domain)


def _address(name: str, local_part: str, domain: str) -> Address:
    """With a domain that every server knows, if every server can take the rest (RFC 6531)."""
    if local_part.isascii() and not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode("ascii")
    return Address(name, local_part, domain)
