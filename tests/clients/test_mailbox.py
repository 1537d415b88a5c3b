"""The mailbox of development: what was sent is there, and nothing else can be had from it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.clients.mailbox import Entry, Mailbox
from tests.clients.handing_over import UNICODE, mail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet, nor is the one it is in."""
    return tmp_path / "data" / "mailbox"


@pytest.fixture
def mailbox(folder: Path) -> Mailbox:
    return Mailbox(folder)


def test_an_empty_mailbox_has_no_mails(mailbox: Mailbox) -> None:
    assert mailbox.newest() == []


def test_a_mail_is_kept_as_it_was_written(mailbox: Mailbox) -> None:
    sent = mail(text="Привет\nFrom me\n.\n")
    mailbox.send(sent)
    [entry] = mailbox.newest()
    kept = mailbox.get(entry.key)
    assert kept
    assert kept.items() == sent.items()
    assert kept.get_content() == sent.get_content()


@pytest.mark.parametrize("recipient", ["ada@example.com", UNICODE])
def test_a_list_says_what_a_mail_is_about(mailbox: Mailbox, recipient: str) -> None:
    message = mail(recipient)
    message["Date"] = "Sat, 21 Nov 2026 12:00:00 +0000"
    mailbox.send(message)
    [entry] = mailbox.newest()
    assert entry == Entry(entry.key, "Привет", recipient, "Sat, 21 Nov 2026 12:00:00 +0000")


def test_a_unicode_address_is_kept_as_it_is(mailbox: Mailbox, folder: Path) -> None:
    mailbox.send(mail(UNICODE))
    [file] = (folder / "new").iterdir()
    assert f"To: {UNICODE}\n".encode() in file.read_bytes()


def test_an_address_that_looks_encoded_harms_nobody(mailbox: Mailbox, folder: Path) -> None:
    mailbox.send(mail())
    [file] = (folder / "new").iterdir()
    hostile = b"=?utf-8?q?=0d=0aBcc=3aeve?=@example.com"
    file.write_bytes(file.read_bytes().replace(b"ada@example.com", hostile))
    [entry] = mailbox.newest()
    kept = mailbox.get(entry.key)
    assert kept
    assert sorted(kept.keys()) == sorted(mail().keys())
    assert "example.com" in str(kept["To"])


def test_the_newest_comes_first_and_the_oldest_are_left_out(mailbox: Mailbox) -> None:
    for number in range(7):
        mailbox.send(mail(f"person{number}@example.com"))
    recipients = [entry.recipient for entry in mailbox.newest(limit=5)]
    assert recipients == [f"person{number}@example.com" for number in (6, 5, 4, 3, 2)]


def test_newer_is_told_by_the_time_and_not_by_the_spelling(mailbox: Mailbox, folder: Path) -> None:
    mailbox.send(mail())
    [file] = (folder / "new").iterdir()
    for key in ("999.M9P1Q1.host", "1000.M30P1Q2.host", "1000.M4P1Q3.host"):
        (folder / "new" / key).write_bytes(file.read_bytes())
    file.unlink()
    seconds_and_microseconds = [entry.key.partition("P")[0] for entry in mailbox.newest()]
    assert seconds_and_microseconds == ["1000.M30", "1000.M4", "999.M9"]


def test_mails_that_come_at_once_are_all_kept(folder: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: Mailbox(folder).send(mail()), range(40)))
    assert len(Mailbox(folder).newest()) == 40


def test_nobody_else_on_the_machine_can_read_it(mailbox: Mailbox, folder: Path) -> None:
    mailbox.send(mail())
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o700}


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", "../secret", "../../secret", "new/../../secret", "/etc/passwd", "\0", "x"],
)
def test_a_key_of_no_mail_gives_nothing(mailbox: Mailbox, folder: Path, key: str) -> None:
    mailbox.send(mail())
    (folder / "secret").write_text("Subject: secret\n\n")
    (folder.parent / "secret").write_text("Subject: secret\n\n")
    assert mailbox.get(key) is None
