"""The mail server's record held against the rows that were due a mail."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.check import Rows
from tests.chaos.story import Story
from tests.inbox import text_of
from tests.mail_server import Mail

VERIFY = "Verify your e-mail address"
JOINED = "Somebody joined with your referral code"
RESET = "Reset your password"

# To whom, what about, and who is named in it.
About = tuple[str, str, str]


def about(mail: Mail) -> About:
    """What a mail is, among the mails of this service."""
    (recipient,), message = mail.recipients, mail.message
    named = set(re.findall(r"[\w.-]+@example\.com", text_of(message))) - {recipient}
    return recipient, str(message["Subject"]), " ".join(named)


class Sent:
    """What was delivered to the people of a round: each mail once.

    :param name: with what their addresses begin.
    :ivar doubles: the Message-IDs that came more than once.
    """

    def __init__(self, taken: Sequence[Mail], name: str) -> None:
        taken = [mail for mail in taken if mail.recipients[0].startswith(f"{name}-")]
        times = Counter(mail.message_id for mail in taken)
        self.doubles = {message_id for message_id, number in times.items() if number > 1}
        self._mails = Counter(map(about, {mail.message_id: mail for mail in taken}.values()))

    def faults(self, rows: Rows, told: Sequence[Story]) -> Iterator[str]:
        """Mails that are missing or were not owed."""
        due: dict[About, tuple[int, int]] = {}
        for email, accounts in rows.accounts.items():
            due[email, VERIFY, ""] = (len(accounts), len(accounts))
        for email, referrer in rows.referrers.items():
            due[referrer, JOINED, email] = (1, 1)
        for story in told:
            due[story.email, RESET, ""] = story.resets
        for mail in due.keys() | self._mails.keys():
            least, most = due.get(mail, (0, 0))
            if not least <= self._mails[mail] <= most:
                yield f"{mail} was sent as {self._mails[mail]} mails; due: {least} to {most}"
