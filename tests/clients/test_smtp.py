"""Handing mails over: a mail is taken or it is not, and whoever asks for it learns which."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from app.clients.smtp import Smtp
from dev.ports import free_port
from dev.waiting import wait_until
from tests.api.addresses import VALID
from tests.clients.handing_over import ADA, UNICODE, client, mail, outcome, saying
from tests.mail_server import Encryption, Ending, MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupts as Celery does."""

    def interrupt(*_: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_mail_is_taken_as_it_was_written(server: MailServer) -> None:
    text = "Привет\n.\n..\n" + "x" * 3000 + "\nhttp://localhost/#token=abc\n"
    client(server.port).send(mail(text=text))
    [taken] = server.mails
    assert (taken.sender, taken.recipients) == ("referrals@localhost", [ADA])
    assert taken.message["Subject"] == "Привет"
    assert taken.message_id == "<one@localhost>"
    assert taken.message.get_content().splitlines() == text.splitlines()


@pytest.mark.parametrize("address", VALID)
def test_it_goes_to_any_address_there_is(server: MailServer, address: str) -> None:
    client(server.port).send(mail(address))
    [taken] = server.mails
    assert taken.recipients == [address]
    assert str(taken.message["To"]) == address


def test_what_an_ascii_address_needs_is_ascii(server: MailServer) -> None:
    client(server.port).send(mail(ADA))
    [taken] = server.mails
    assert taken.content.isascii()
    assert "SMTPUTF8" not in taken.options


def test_a_unicode_address_is_never_encoded(server: MailServer) -> None:
    client(server.port).send(mail(UNICODE))
    [taken] = server.mails
    assert "SMTPUTF8" in taken.options
    assert f"To: {UNICODE}\r\n".encode() in taken.content


def test_a_unicode_address_is_too_much_for_a_server_of_old() -> None:
    with MailServer(utf8=False) as server:
        assert outcome(client(server.port).send, mail(UNICODE)) == "no utf8"
        client(server.port).send(mail(ADA))
    assert [taken.recipients for taken in server.mails] == [[ADA]]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("code", [421, 451, 550])
def test_a_refusal_is_told_by_its_code(server: MailServer, command: str, code: int) -> None:
    server.refuse(command, f"{code} {ADA} is not wanted")
    assert outcome(client(server.port).send) == f"refused {code}"
    assert server.mails == []


def test_a_server_that_refuses_now_and_then_takes_the_others(server: MailServer) -> None:
    server.refuse("RCPT", "451 Later", every=2)
    smtp = client(server.port)
    smtp.send(mail())
    assert outcome(smtp.send) == "refused 451"
    smtp.send(mail())
    assert len(server.mails) == 2


def test_a_server_that_is_not_there_is_unreachable() -> None:
    assert outcome(client(free_port()).send) == "unreachable"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"554 No service\r\n", "refused 554"),
        (b"", "connection lost"),
        (b"220 Welcome\r\n", "connection lost"),
        (b"HTTP/1.1 400 Bad Request\r\n", "malformed"),
        (b"220-" + b"x" * 10_000, "refused 500"),
    ],
)
def test_what_says_something_else_takes_no_mail(words: bytes, expected: str) -> None:
    with saying(words) as port:
        assert outcome(client(port).send) == expected


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_time_out(server: MailServer) -> None:
    server.ending = Ending.HANGS
    smtp = client(server.port)
    smtp.timeout = 0.6
    assert outcome(smtp.send) == "timeout"
    assert server.was_given_up.wait(5)


@pytest.mark.parametrize("encryption", [Encryption.NONE, Encryption.FROM_THE_FIRST_BYTE])
def test_a_server_that_does_not_begin_is_not_waited_for_either(encryption: Encryption) -> None:
    with create_server(("127.0.0.1", 0)) as mute:
        smtp = client(mute.getsockname()[1], encryption)
        smtp.timeout = 0.6
        assert outcome(smtp.send) == "timeout"


def test_no_step_may_take_longer_than_ten_seconds() -> None:
    assert Smtp.timeout == 10


def test_a_line_that_drops_after_the_answer_is_no_failure(server: MailServer) -> None:
    server.ending = Ending.TAKES_AND_DROPS_THE_LINE
    client(server.port).send(mail())
    assert len(server.mails) == 1


def test_a_mail_whose_answer_is_lost_was_not_taken_for_all_one_knows(server: MailServer) -> None:
    server.ending = Ending.TAKES_AND_DROPS_THE_LINE_UNANSWERED
    assert outcome(client(server.port).send) == "connection lost"
    assert len(server.mails) == 1


def test_the_server_is_bidden_goodbye(server: MailServer) -> None:
    client(server.port).send(mail())
    wait_until(lambda: server.goodbyes == 1, "goodbye")


def test_the_server_is_bidden_goodbye_also_when_it_refuses(server: MailServer) -> None:
    server.refuse("RCPT", "550 No")
    outcome(client(server.port).send)
    wait_until(lambda: server.goodbyes == 1, "goodbye")


def test_a_message_that_cannot_be_written_is_no_fault_of_the_server(server: MailServer) -> None:
    message = mail()
    message["Resent-Date"] = message["Resent-Date"] = "Sat, 21 Nov 2026 12:00:00 +0000"
    assert outcome(client(server.port).send, message) == "unsendable"


def test_a_time_limit_is_no_failure_of_the_server_and_ends_the_line(server: MailServer) -> None:
    server.ending = Ending.HANGS
    with pytest.raises(SoftTimeLimitExceeded) as error, time_limit(0.6):
        client(server.port).send(mail())
    assert server.was_given_up.wait(5), error


def test_a_time_limit_while_the_server_does_not_begin_ends_the_line() -> None:
    with create_server(("127.0.0.1", 0)) as mute:
        with pytest.raises(SoftTimeLimitExceeded) as error, time_limit(0.6):
            client(mute.getsockname()[1]).send(mail())
        mute.settimeout(5)
        connection, _ = mute.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(1) == b"", error
