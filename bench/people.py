"""Whom a filled database has: found by what is asked of them, not by what they are called."""

from app.schemas.paging import NextCursor
from bench.load import BenchError
from bench.site import Site

# In an order that has nothing to do with where the rows lie, and is the same in every run.
FINDABLE = """
SELECT email FROM users JOIN codes ON codes.user_id = users.id
WHERE is_activated AND expires_at > now() + interval '1 day' ORDER BY md5(email)
"""
# Five referrals, or nearly so: of databases of different sizes, the same is to be asked.
ORDINARY = """
SELECT email FROM users JOIN codes ON codes.user_id = users.id
JOIN referrals ON referee_id = users.id
JOIN (
    SELECT referrer_id, count(*) AS brought FROM referrals GROUP BY referrer_id
) AS referrers ON referrers.referrer_id = users.id
WHERE is_activated AND expires_at > now() + interval '1 day'
ORDER BY abs(brought - 5), md5(email) LIMIT 1
"""
GREATEST = """
SELECT email, count(*) FROM referrals JOIN users ON users.id = referrer_id
GROUP BY email ORDER BY count(*) DESC LIMIT 1
"""
CODES = """
SELECT code FROM codes WHERE is_activated AND expires_at > now() + interval '1 day'
ORDER BY md5(code) LIMIT %s
"""
FROM_THE_END = """
SELECT created_at, referee_id FROM referrals
WHERE referrer_id = (SELECT id FROM users WHERE email = %s)
ORDER BY created_at, referee_id OFFSET %s LIMIT 1
"""


class Findable:
    """The addresses that have a code, handed out once each."""

    def __init__(self, site: Site) -> None:
        self._left = [email for (email,) in site.rows(FINDABLE)]

    def take(self, number: int) -> list[str]:
        """So many addresses that nobody was given before.

        :raises BenchError: there are not so many left.
        """
        if number > len(self._left):
            raise BenchError("Too few addresses for so many rounds: take fewer, or more USERS")
        taken, self._left = self._left[:number], self._left[number:]
        return taken


def ordinary(site: Site) -> str:
    """The address of somebody with a referrer, a code and some referrals."""
    rows = site.rows(ORDINARY)
    if not rows:
        raise BenchError("Nobody has a referrer, a code and some referrals: take more USERS")
    return str(rows[0][0])


def greatest_referrer(site: Site) -> tuple[str, int]:
    """The address of whoever brought most, and how many."""
    email, brought = site.rows(GREATEST)[0]
    return email, brought


def codes(site: Site, number: int) -> list[str]:
    """Codes of different people."""
    return [code for (code,) in site.rows(CODES, number)]


def cursor_of_page(site: Site, email: str, brought: int, page: int, limit: int) -> str:
    """What leads to that page of the people somebody brought."""
    ((created_at, id_),) = site.rows(FROM_THE_END, email, brought - (page - 1) * limit)
    return str(NextCursor().serialize("cursor", {"cursor": (created_at, id_)}))
