"""What the tables hold, compared with the model and with the promises about them."""

from collections import Counter
from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import Any

from tests.model.state import State
from tests.model.world import World

USERS = "SELECT id, email, is_admin, created_at FROM users"
CODES = """
SELECT id, user_id, code, is_activated, deleted_at IS NOT NULL, expires_at, created_at FROM codes
"""
REFERRALS = "SELECT referee_id, referrer_id, code_id, joined_by FROM referrals"
COUNTS = "SELECT referrer_id, total FROM referral_counts WHERE total <> 0"
SESSIONS = "SELECT user_id, count(*) FROM sessions WHERE expires_at > now() GROUP BY user_id"


def assert_as_known(world: World, state: State) -> None:
    """The tables hold what the model says and nothing else, and keep the promises."""
    codes, referrals = world.rows(CODES), world.rows(REFERRALS)
    assert_promises_hold(codes, referrals)
    assert_same(world.rows(USERS), known_users(state))
    assert_same(codes, known_codes(state))
    assert_same(referrals, known_referrals(state))
    assert_same(world.rows(COUNTS), Counter(row[1] for row in referrals).items())
    assert_same(world.rows(SESSIONS), Counter(each.account.id for each in state.live).items())


def assert_promises_hold(codes: list[Any], referrals: list[Any]) -> None:
    """At most one active code each; no wording twice; one referrer each; no cycle."""
    assert_unique(user_id for _, user_id, _, is_activated, *_ in codes if is_activated)
    assert_unique(wording for _, _, wording, *_ in codes)
    assert_unique(referee for referee, *_ in referrals)
    TopologicalSorter({referee: {referrer} for referee, referrer, *_ in referrals}).prepare()
    assert all(referrer < referee for referee, referrer, *_ in referrals)


def assert_unique(values: Iterable[Any]) -> None:
    assert not [value for value, times in Counter(values).items() if times > 1]


def assert_same(rows: Iterable[tuple[Any, ...]], known: Iterable[tuple[Any, ...]]) -> None:
    assert sorted(rows) == sorted(known)


def known_users(state: State) -> list[tuple[Any, ...]]:
    return [
        (account.id, account.email, account.is_admin, account.created_at)
        for account in state.accounts.values()
    ]


def known_codes(state: State) -> list[tuple[Any, ...]]:
    return [
        (
            *(code.id, code.owner.id, code.wording, code.is_activated, code.is_deleted),
            *(code.expires_at, code.created_at),
        )
        for code in state.codes
    ]


def known_referrals(state: State) -> list[tuple[Any, ...]]:
    return [
        (account.id, joining.referrer.id, joining.code.id, joining.way)
        for account in state.accounts.values()
        if (joining := account.joining)
    ]
