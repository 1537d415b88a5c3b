"""The mails that a service has sent, and waiting for them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpx

from dev.waiting import wait_until
from tests.inbox import text_of
from tests.mail_server import Mail, MailServer
from tests.people import People

Sql = Callable[..., list[tuple[Any, ...]]]
Call = Callable[[], object]

# What time would do.
PULL_FORWARD = """
UPDATE outbox SET due_at = now()
WHERE id IN (SELECT id FROM outbox WHERE due_at > now() FOR UPDATE SKIP LOCKED)
"""


def mails_to(email: str, mail_server: MailServer) -> list[Mail]:
    return [mail for mail in mail_server.mails if mail.recipients == [email]]


def message_ids(mails: Iterable[Mail], key: Callable[[Mail], str]) -> dict[str, set[str]]:
    """The Message-IDs of these mails, by what the key gives."""
    ids: dict[str, set[str]] = defaultdict(set)
    for mail in mails:
        ids[key(mail)].add(mail.message_id)
    return ids


def named_in(addresses: Sequence[str], mail: Mail) -> str:
    """Which of the addresses the mail names."""
    text = text_of(mail.message)
    return next((address for address in addresses if address in text), "nobody")


def tokens_in(text: str) -> list[str]:
    return re.findall(r"#token=(\S+)", text)


def wait_until_some_are_sent(mail_server: MailServer, call_sender: Call) -> None:
    before = len(mail_server.mails)

    def some_are_sent() -> bool:
        call_sender()
        return len(mail_server.mails) > before

    wait_until(some_are_sent, "mail")


def wait_until_nothing_is_owed(sql: Sql, call_sender: Call) -> None:
    def nothing_is_owed() -> bool:
        sql(PULL_FORWARD)
        call_sender()
        return sql("SELECT id FROM outbox") == []

    wait_until(nothing_is_owed, "last mail")


def sent(http: httpx.Client) -> float:
    """How many mails /metrics says were sent."""
    lines = http.get("/metrics").text.splitlines()
    mails = [line for line in lines if line.startswith("referral_mails_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in mails if 'outcome="sent"' in line)


def register_until_counted(
    register: People, http: httpx.Client, sql: Sql, call_sender: Call
) -> float:
    """Have somebody register and their mail sent; gives the count once it counts that mail."""
    before = sent(http)
    register()
    wait_until_nothing_is_owed(sql, call_sender)
    wait_until(lambda: sent(http) > before, "mail counted")
    return sent(http)
