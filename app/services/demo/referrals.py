"""Who brought whom: a few brought very many, most nobody."""

from collections.abc import Iterator
from random import Random

from app.models import JoinedBy
from app.services.demo import codes
from app.services.demo.copying import Row
from app.services.demo.past import Past

TABLE = "referrals (referee_id, referrer_id, code_id, joined_by, created_at)"

# The first person brought half of all who were brought, and no more than this.
MOST = 200_000
# Of those who joined somebody, so many did when they registered.
AT_ONCE = 0.8


def rows(past: Past, joined: int) -> Iterator[Row]:
    """So many people and the one who brought each, in the order they registered."""
    chance = Random("referrals")  # noqa: S311  # nosec B311
    for referee_id, referrer_id in _pairs(chance, past.people, joined):
        joined_by, age = JoinedBy.REGISTRATION, past.age(referee_id)
        if chance.random() > AT_ONCE:
            joined_by, age = JoinedBy.ACTIVATION, age - chance.randrange(1 + age // 10)
        code_id = codes.id_at(past, referrer_id, age)
        yield referee_id, referrer_id, code_id, joined_by, past.at(age)


def _pairs(chance: Random, people: int, joined: int) -> Iterator[tuple[int, int]]:
    """Pass everybody once, and choose in the end exactly as many as shall be chosen."""
    joined_first = min(MOST, joined // 2)
    for referee_id in range(2, people + 1):
        if not _drawn(chance, joined, people - referee_id + 1):
            continue
        # Whoever came second can have been brought by the first alone.
        if referee_id == 2 or _drawn(chance, joined_first, joined):
            referrer_id = 1
            joined_first -= 1
        else:
            referrer_id = _any_but_the_first(chance, referee_id)
        joined -= 1
        yield referee_id, referrer_id


def _drawn(chance: Random, winning: int, left: int) -> bool:
    """Whether one of those left, of whom so many win, is among these."""
    return chance.random() * left < winning


def _any_but_the_first(chance: Random, referee_id: int) -> int:
    """Somebody who was there before, the more likely the earlier they came (Zipf's law)."""
    return min(int(2 * (referee_id / 2) ** chance.random()), referee_id - 1)
