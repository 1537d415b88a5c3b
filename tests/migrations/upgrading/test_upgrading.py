"""Upgrades and downgrades beside each other, and under requests."""

from contextlib import closing

import psycopg2

from dev.waiting import wait_until
from tests.migrations.database import SLOW_STATEMENT, Database, finished

JOIN = """
INSERT INTO referrals (referee_id, referrer_id, code_id, joined_by)
VALUES (3, 1, 1, 'registration')
"""
WAITING = """
SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def test_an_upgrade_started_twice_at_once_works(empty: Database, migrated: Database) -> None:
    for upgrade in [empty.start("upgrade"), empty.start("upgrade")]:
        finished(upgrade)
    assert empty.catalog() == migrated.catalog()


def test_an_upgrade_waits_for_another_however_long_that_takes(empty: Database) -> None:
    # Longer than either may wait for a table.
    empty.run(SLOW_STATEMENT.format(2.5))
    for upgrade in [empty.start("upgrade"), empty.start("upgrade")]:
        finished(upgrade)


def test_the_sql_for_an_administrator_makes_the_same(empty: Database, migrated: Database) -> None:
    empty.run(empty.flask_db("upgrade", "--sql"))
    assert empty.catalog() == migrated.catalog()


def test_a_migration_gives_way_to_requests_rather_than_hold_them_up(filled: Database) -> None:
    with closing(psycopg2.connect(filled.url)) as busy:
        busy.cursor().execute("LOCK TABLE users IN ACCESS SHARE MODE")
        downgrade = filled.start("downgrade", "base")
        assert "LockNotAvailable" in downgrade.communicate(timeout=15)[1]
        assert downgrade.returncode != 0
    assert filled.filled_tables() == filled.tables()


def test_the_newest_goes_down_while_somebody_registers_with_a_code(filled: Database) -> None:
    with closing(psycopg2.connect(filled.url)) as registering, registering.cursor() as cursor:
        cursor.execute("INSERT INTO users (email, password_hash) VALUES ('c@example.com', 'x')")
        downgrade = filled.start("downgrade")
        wait_until(lambda: filled.run(WAITING) != [], "downgrade that waits", 15)
        cursor.execute(JOIN)
        registering.commit()
    finished(downgrade)


def test_those_who_joined_before_are_counted_and_so_is_who_joins_meanwhile(
    filled: Database,
) -> None:
    filled.flask_db("downgrade", "0002")
    filled.run("INSERT INTO users (email, password_hash) VALUES ('c@example.com', 'x')")
    with closing(psycopg2.connect(filled.url)) as joining:
        # Somebody who is there already: whoever registers meanwhile is waited for earlier.
        joining.cursor().execute(JOIN)
        upgrade = filled.start("upgrade")
        wait_until(lambda: filled.run(WAITING) != [], "upgrade that waits")
        joining.commit()
    finished(upgrade)
    assert filled.run("SELECT referrer_id, total FROM referral_counts") == [(1, 2)]
