"""Holding a ledger against what the service has kept and what it has mailed."""

from functools import partial

from dev.waiting import wait_until
from tests.deployed.mailing import PULL_FORWARD, message_ids, named_in
from tests.system.cluster import Cluster
from tests.system.load import Ledger

REFERRERS = """
SELECT referee.email, referrer.email FROM referrals
JOIN users AS referee ON referee.id = referee_id JOIN users AS referrer ON referrer.id = referrer_id
"""


def assert_kept(ledger: Ledger, cluster: Cluster) -> None:
    """Everything acknowledged is there as it was acknowledged."""
    run = cluster.primary.server.run
    assert dict(run("SELECT email, id FROM users")).items() >= ledger.people.items()
    assert dict(run(REFERRERS)).items() >= ledger.referrers.items()
    assert set(run("SELECT code, user_id FROM codes")) >= set(ledger.codes)
    active = dict(run("SELECT user_id, code FROM codes WHERE is_activated"))
    certain = [owner for owner in ledger.owners if owner.is_certain]
    assert certain
    assert [active.get(owner.id) for owner in certain] == [owner.code for owner in certain]


def assert_mailed(ledger: Ledger, cluster: Cluster) -> None:
    """Every newcomer and every referrer has been mailed, under one Message-ID for each reason."""
    wait_until(lambda: _nothing_is_owed(cluster), "last mail")
    owners = {owner.email for owner in ledger.owners}
    newcomers = ledger.people.keys() - owners
    mails = cluster.mail_server.mails
    verified = message_ids(mails, lambda mail: mail.recipients[0])
    assert {email: len(verified[email]) for email in newcomers} == dict.fromkeys(newcomers, 1)
    news = [mail for mail in mails if mail.recipients[0] in owners]
    told = message_ids(news, partial(named_in, list(ledger.referrers)))
    assert {email: len(ids) for email, ids in told.items() if email in ledger.referrers} == (
        dict.fromkeys(ledger.referrers, 1)
    )


def _nothing_is_owed(cluster: Cluster) -> bool:
    cluster.primary.server.run(PULL_FORWARD)
    return cluster.primary.server.run("SELECT id FROM outbox") == []
