"""The journal held against the database."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.always import Sql
from tests.chaos.journal import Entry
from tests.chaos.story import Story

# Every wait of a request is bounded; what takes longer than this has met one that is not.
LONGEST_SECONDS = 12

ACCOUNTS = """
SELECT email, users.id, code FROM users
LEFT JOIN referrals ON referee_id = users.id LEFT JOIN codes ON codes.id = code_id
WHERE email LIKE %s
"""
CODES = """
SELECT email, code, codes.id, is_activated FROM codes JOIN users ON users.id = user_id
WHERE email LIKE %s
"""
SESSIONS = """
SELECT email, sessions.id FROM sessions JOIN users ON users.id = user_id WHERE email LIKE %s
"""
REFERRERS = """
SELECT referee.email, referrer.email FROM referrals
JOIN users referee ON referee.id = referee_id JOIN users referrer ON referrer.id = referrer_id
WHERE referee.email LIKE %s
"""


def answers(entries: Iterable[Entry], began: float, ended: float) -> Iterator[str]:
    """Answers that the service may not give: 503 is for as long as a fault lasts."""
    for entry in entries:
        during = entry.answered >= began and entry.asked <= ended
        if entry.status >= 500 and not (entry.status == 503 and during):
            yield f"is no answer to give: {entry}"
        if entry.took > LONGEST_SECONDS:
            yield f"took {entry.took:.1f} s: {entry}"


def losses(entries: Iterable[Entry], began: float, ended: float) -> Iterator[str]:
    """Requests that went without an answer, other than those of this time."""
    for entry in entries:
        during = entry.answered >= began and entry.asked <= ended
        if entry.lost and not during:
            yield f"went without an answer: {entry}"


class Rows:
    """What the database has of some people, by their addresses.

    :param name: with what their addresses begin.
    """

    def __init__(self, sql: Sql, name: str) -> None:
        prefix = f"{name}-%"
        self.accounts: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
        for email, id_, code in sql(ACCOUNTS, prefix):
            self.accounts[email].append((id_, code))
        self.codes: dict[str, dict[str, tuple[int, bool]]] = defaultdict(dict)
        for email, code, id_, is_activated in sql(CODES, prefix):
            self.codes[email][code] = (id_, is_activated)
        self.sessions: dict[str, set[str]] = defaultdict(set)
        for email, id_ in sql(SESSIONS, prefix):
            self.sessions[email].add(str(id_))
        self.referrers: dict[str, str] = dict(sql(REFERRERS, prefix))

    def faults(self, told: Sequence[Story]) -> Iterator[str]:
        """Where they are others than those people were told."""
        for story in told:
            yield from self._account(story)
            yield from self._codes(story)
            yield from self._sessions(story)
        known = {story.email for story in told}
        yield from (f"{email} is nobody who registered" for email in self.accounts.keys() - known)

    def _account(self, story: Story) -> Iterator[str]:
        rows = self.accounts[story.email]
        if len(rows) > 1 or bool(rows) not in story.account:
            yield f"{story.email} has {len(rows)} accounts, may have: {set(story.account)}"
        for id_, code in rows:
            if story.id not in (0, id_):
                yield f"{story.email} was told the id {story.id}, and has {id_}"
            if code not in story.joined:
                yield f"{story.email} came by {code}, may have: {set(story.joined)}"

    def _codes(self, story: Story) -> Iterator[str]:
        rows = self.codes[story.email]
        for wording in rows.keys() | story.published.keys():
            if (wording in rows) not in story.published.get(wording, ()):
                yield f"{wording} of {story.email} is there: {wording in rows}"
        for wording, id_ in story.code_ids.items():
            if wording in rows and rows[wording][0] != id_:
                yield f"{wording} was told the id {id_}, and has {rows[wording][0]}"
        active = [wording for wording, (_, is_activated) in rows.items() if is_activated]
        if not set(active or [None]) <= story.active:
            yield f"{story.email} has {active} activated, may have: {set(story.active)}"

    def _sessions(self, story: Story) -> Iterator[str]:
        for id_, lives in story.sessions.items():
            if (id_ in self.sessions[story.email]) not in lives:
                yield f"the session {id_} of {story.email} lives, or not: {set(lives)}"
