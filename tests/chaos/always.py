"""What holds in the database at any time, whoever asked for what."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2

Sql = Callable[..., list[tuple[Any, ...]]]

# Each statement finds those who offend against it.
OFFENDERS = {
    "has more than one active code": """
        SELECT user_id FROM codes WHERE is_activated GROUP BY user_id HAVING count(*) > 1
    """,
    "is an address with more than one account": """
        SELECT lower(email) FROM users GROUP BY 1 HAVING count(*) > 1
    """,
    "is a wording with more than one code": """
        SELECT upper(code) FROM codes GROUP BY 1 HAVING count(*) > 1
    """,
    "is an active code that was deleted": """
        SELECT id FROM codes WHERE is_activated AND deleted_at IS NOT NULL
    """,
    "has more than one referrer": """
        SELECT referee_id FROM referrals GROUP BY 1 HAVING count(*) > 1
    """,
    "is their own referrer's referrer, near or far": """
        WITH RECURSIVE above (referee_id, referrer_id) AS (
            SELECT referee_id, referrer_id FROM referrals
            UNION SELECT above.referee_id, next.referrer_id
            FROM above JOIN referrals next ON next.referee_id = above.referrer_id
        ) SELECT referee_id FROM above WHERE referee_id = referrer_id
    """,
    "was brought by somebody who joined later": """
        SELECT referee_id FROM referrals WHERE referrer_id >= referee_id
    """,
    "came by a code that is not the referrer's": """
        SELECT referee_id FROM referrals LEFT JOIN codes ON codes.id = code_id
        WHERE codes.user_id IS DISTINCT FROM referrer_id
    """,
    "is a referral, a code, a session or a token of nobody's": """
        SELECT referee_id FROM referrals WHERE referee_id NOT IN (SELECT id FROM users)
        UNION ALL SELECT id FROM codes WHERE user_id NOT IN (SELECT id FROM users)
        UNION ALL SELECT user_id FROM sessions WHERE user_id NOT IN (SELECT id FROM users)
        UNION ALL SELECT NULL FROM refresh_tokens
            WHERE session_id NOT IN (SELECT id FROM sessions)
    """,
    "is said to have brought others than they have": """
        SELECT coalesce(counted.id, kept.referrer_id) FROM
            (SELECT referrer_id AS id, count(*) FROM referrals GROUP BY 1) AS counted
            FULL JOIN referral_counts kept ON kept.referrer_id = counted.id
        WHERE coalesce(counted.count, 0) <> coalesce(kept.total, 0)
    """,
    "has a session with more than one unused refresh token": """
        SELECT session_id FROM refresh_tokens WHERE used_at IS NULL
        GROUP BY 1 HAVING count(*) > 1
    """,
    "is a mail that is still owed": "SELECT id FROM outbox",
}

# What each constraint keeps from happening, though all clients may have taken turns.
FORBIDDEN = {
    "uq_codes_one_activated_per_user": """
        INSERT INTO codes (user_id, code, is_activated, expires_at)
        SELECT user_id, 'ONE-TOO-MANY', true, now() FROM codes WHERE is_activated LIMIT 1
    """,
    "uq_users_email": """
        INSERT INTO users (email, password_hash) SELECT email, 'x' FROM users LIMIT 1
    """,
    "uq_codes_code": """
        INSERT INTO codes (user_id, code, is_activated, expires_at)
        SELECT users.id, code, false, now() FROM codes, users WHERE user_id <> users.id LIMIT 1
    """,
    "ck_codes_deleted_is_off": """
        UPDATE codes SET deleted_at = now() WHERE is_activated
    """,
    "pk_referrals": """
        INSERT INTO referrals SELECT * FROM referrals LIMIT 1
    """,
    "ck_referrals_referrer_joined_first": """
        UPDATE referrals SET referrer_id = referee_id
    """,
    "fk_referrals_referrer_id": """
        UPDATE referrals SET referrer_id = 0
    """,
    "fk_referrals_code_id": """
        UPDATE referrals SET code_id = 0
    """,
}


def offences(sql: Sql) -> Iterator[str]:
    """Whatever does not hold."""
    for offence, statement in OFFENDERS.items():
        for offender in sql(statement):
            yield f"{offender[0]} {offence}"


def gaps(database: str) -> Iterator[str]:
    """The constraints that do not refuse what they must. Nothing that was tried stays."""
    for constraint, statement in FORBIDDEN.items():
        with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
            violated = None
            try:
                cursor.execute(statement)
            except psycopg2.IntegrityError as error:
                violated = error.diag.constraint_name
            if cursor.rowcount and violated != constraint:
                yield f"{constraint} does not keep anything from happening"
