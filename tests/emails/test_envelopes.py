"""How a letter is addressed, and that nobody's address does more than be one."""

import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import compat32, default
from email.utils import parseaddr
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from app.clients.mailbox import Mailbox
from app.clients.smtp import Smtp
from app.emails import LANGUAGES, Kind, Letter, envelope
from app.schemas.base import canonical_email
from tests.api.addresses import VALID
from tests.emails.reading import NOON, every_kind, every_language, letter, with_many_examples
from tests.mail_server import MailServer

ADA = "ada@example.com"
SENDER = "Referrals <referrals@example.com>"
MESSAGE_ID = "<179512560.5.1234567890@example.com>"
HEADERS = {
    "From": SENDER,
    "To": ADA,
    "Date": "Sat, 21 Nov 2026 12:00:30 +0000",
    "Message-ID": MESSAGE_ID,
    "Auto-Submitted": "auto-generated",
    "MIME-Version": "1.0",
}
# Valid, and two more headers to whoever takes it for an encoded word (RFC 2047 says not to).
ENCODED_WORD = "=?utf-8?q?a=0d=0abcc=3a_victim=40y.com=0d=0a?=@example.com"
# Canonical, and as it goes out.
DOMAINS = {
    "ada@straße.de": "ada@xn--strae-oqa.de",
    "ada@παπάς.gr": "ada@xn--hxaj8bbl.gr",
    "ada@пример.рф": "ada@xn--e1afmkfd.xn--p1ai",
    "ada@مثال.السعودية": "ada@xn--mgbh0fb.xn--mgberp4a5d4ar",
    "ada@xn.com": "ada@xn.com",
}
ATOM = "abc0123456789!#$%&'*+-/=?^_`{|}~."

every_valid_address = pytest.mark.parametrize(
    "address", [canonical_email(address) for address in VALID]
)


def mail(
    kind: Kind = Kind.JOINED,
    language: str = "en",
    sender: str = SENDER,
    recipient: str = ADA,
    message_id: str = MESSAGE_ID,
) -> EmailMessage:
    return enveloped(letter(kind, language), sender, recipient, message_id)


def enveloped(
    letter: Letter, sender: str = SENDER, recipient: str = ADA, message_id: str = MESSAGE_ID
) -> EmailMessage:
    return envelope(letter, sender=sender, recipient=recipient, message_id=message_id, date=NOON)


def read(content: bytes) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(content)


def parts(message: EmailMessage) -> list[tuple[str, str]]:
    """Its MIME parts as they arrive: of which type, and what they say."""
    return [
        (part["Content-Type"], part.get_content().replace("\r\n", "\n"))
        for part in read(message.as_bytes()).iter_parts()
    ]


def parts_of(letter: Letter) -> list[tuple[str, str]]:
    """What its MIME parts are to be."""
    return [
        ('text/plain; charset="utf-8"', letter.text),
        ('text/html; charset="utf-8"', letter.html),
    ]


def header_lines(message: EmailMessage) -> list[str]:
    head, _, _ = message.as_bytes().partition(b"\r\n\r\n")
    return head.decode().split("\r\n")


def recipient_line(message: EmailMessage) -> str:
    (line,) = (line for line in header_lines(message) if line.startswith("To: "))
    return line.removeprefix("To: ")


@every_kind
@every_language
def test_a_mail_has_these_headers_and_no_others(kind: Kind, language: str) -> None:
    received = read(mail(kind, language).as_bytes())
    assert len(received.keys()) == len(set(received.keys()))
    headers = dict(received)
    assert headers.pop("Content-Type").startswith("multipart/alternative; boundary=")
    subject = letter(kind, language).subject
    assert headers == HEADERS | {"Subject": subject, "Content-Language": language}


@every_kind
@every_language
def test_a_mail_is_a_text_and_the_same_in_html(kind: Kind, language: str) -> None:
    assert parts(mail(kind, language)) == parts_of(letter(kind, language))


@every_kind
@every_language
def test_a_mail_goes_through_the_oldest_mail_server(kind: Kind, language: str) -> None:
    name = "Реферальная программа компании «Ромашка и партнёры»"
    content = mail(kind, language, sender=f"{name} <referrals@пример.рф>").as_bytes()
    assert content.isascii()
    assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 76


@every_valid_address
def test_a_second_copy_is_the_same_to_the_last_byte(address: str) -> None:
    assert mail(recipient=address).as_bytes() == mail(recipient=address).as_bytes()


def test_every_mail_has_a_boundary_of_its_own() -> None:
    assert mail().get_boundary() != mail(message_id="<another@example.com>").get_boundary()


def test_no_fact_can_be_the_boundary() -> None:
    boundary = f"--{mail().get_boundary()}"
    # Wherever quoted-printable breaks the line, only three lines are what they are meant to be.
    for length in range(80):
        written = letter(Kind.JOINED, email="x" * length + boundary)
        content = enveloped(written).as_bytes().decode()
        assert sum(line.startswith(boundary) for line in content.split("\r\n")) == 3


@pytest.mark.parametrize(
    "message_id", [MESSAGE_ID, f"<{'a' * 60}.{'b' * 60}@{'c' * 60}.example.com>"]
)
def test_the_message_id_is_the_one_that_was_given(message_id: str) -> None:
    assert f"Message-ID: {message_id}" in header_lines(mail(message_id=message_id))


@every_valid_address
def test_a_domain_is_punycode_where_that_lets_any_server_take_the_mail(address: str) -> None:
    message = mail(recipient=address)
    local_part, _, _ = address.rpartition("@")
    if local_part.isascii():
        assert message.as_bytes().isascii()
        assert canonical_email(recipient_line(message)) == address
    else:
        assert recipient_line(message) == address


@pytest.mark.parametrize(("address", "sent"), DOMAINS.items(), ids=DOMAINS.values())
def test_a_domain_goes_out_as_idna_2008_has_it(address: str, sent: str) -> None:
    assert recipient_line(mail(recipient=address)) == sent


@pytest.mark.parametrize(
    ("sender", "sent"),
    [
        ("referrals@localhost", "referrals@localhost"),
        ("Referrals <a@Bücher.DE>", "Referrals <a@xn--bcher-kva.de>"),
        ('"Ltd., Us" <a@example.com>', '"Ltd., Us" <a@example.com>'),
        ("Рефералы <почта@пример.рф>", "Рефералы <почта@пример.рф>"),
    ],
)
def test_the_sender_is_the_one_of_the_settings(sender: str, sent: str) -> None:
    assert f"From: {sent}" in header_lines(mail(sender=sender))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=120))
@example("Реферальная программа компании «Ромашка — и партнёры», отдел писем")
@with_many_examples
def test_the_name_of_the_sender_arrives(name: str) -> None:
    assume(name == " ".join(name.split()) and "=?" not in name)
    quoted = re.sub(r'(["\\])', r"\\\1", name)
    content = mail(sender=f'"{quoted}" <a@example.com>').as_bytes()
    # The newer parser of the standard library finds spaces in a name that are not there.
    arrived, address = parseaddr(BytesParser(policy=compat32).parsebytes(content)["From"])
    assert address == "a@example.com"
    assert str(make_header(decode_header(arrived))) == name


@given(
    st.text(st.sampled_from(ATOM) | st.characters(categories=["L"]), min_size=1, max_size=64),
    st.sampled_from([address.rpartition("@")[2] for address in VALID]),
    st.sampled_from(LANGUAGES),
)
@example(ENCODED_WORD.rpartition("@")[0], "example.com", "en")
@example("{email.__class__}", "пример.рф", "ru")
@example("%s{{7*7}}`'", "example.com", "ru")
@with_many_examples
def test_no_address_adds_to_a_mail_or_is_lost_from_it(
    local_part: str, domain: str, language: str
) -> None:
    try:
        address = canonical_email(f"{local_part}@{domain}")
    except ValidationError:
        assume(False)
    written = letter(Kind.JOINED, language, email=address)
    message = enveloped(written, recipient=address)
    assert read(message.as_bytes()).keys() == mail().keys()
    assert canonical_email(recipient_line(message)) == address
    assert parts(message) == parts_of(written)
    assert address in written.text


@pytest.mark.parametrize("recipient", ["a\r\nBcc: b@example.com", "a@b\r\nBcc: c", "a@b\nc"])
def test_a_recipient_of_two_lines_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        mail(recipient=recipient)


def test_no_mail_in_the_mailbox_takes_an_address_for_an_encoded_word(tmp_path: Path) -> None:
    Mailbox(tmp_path).send(mail(recipient=ENCODED_WORD))
    (file,) = tmp_path.glob("new/*")
    assert f"\nTo: {ENCODED_WORD}\n".encode() in file.read_bytes()
    assert read(file.read_bytes()).keys() == mail().keys()


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        (ADA, ADA),
        ("ada@straße.de", "ada@xn--strae-oqa.de"),
        ("почта@пример.рф", "почта@пример.рф"),
        ("葉士豪@example.com", "葉士豪@example.com"),
    ],
)
def test_a_mail_server_is_told_the_same_recipient_as_the_reader(
    address: str, recipient: str
) -> None:
    message = mail(recipient=address)
    with MailServer() as server:
        Smtp("localhost", server.port, False, False, "", "").send(message)
        (taken,) = server.mails
    assert taken.recipients == [recipient_line(message)] == [recipient]
    assert ("SMTPUTF8" in taken.options) == (not recipient.isascii())
    assert taken.content == message.as_bytes()
