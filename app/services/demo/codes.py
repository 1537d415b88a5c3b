"""Their codes: each person published a few, one after the other at even intervals."""

from collections.abc import Iterator
from itertools import count, pairwise, product
from random import Random

from app.services.codes import ALPHABET, LENGTH
from app.services.demo.copying import NULL, Row
from app.services.demo.past import DAY, Past

TABLE = "codes (id, user_id, code, created_at, is_activated, expires_at, deleted_at)"

EACH = 5
# One person in so many has no active code.
WITHOUT_ONE = 10
# Prime to the number of wordings, which gives every one once, and not much smaller, which makes
# neighbours look different.
STRIDE = 48_398_230_717


def rows(past: Past) -> Iterator[Row]:
    """The codes of everybody, person by person, oldest first."""
    chance = Random("codes")  # noqa: S311  # nosec B311
    ids, wordings = count(1), _wordings()
    expiries = [past.at(-days * DAY) for days in range(30, 365)]
    for user_id in range(1, past.people + 1):
        for nth, (published, ended) in enumerate(pairwise(_turns(past, user_id)), start=1):
            newest = nth == EACH
            active = newest and user_id % WITHOUT_ONE != 0
            later = chance.choice(expiries)
            state = (True, later, NULL) if active else chance.choice(_ends(newest, ended, later))
            yield next(ids), user_id, next(wordings), published, *state


def id_at(past: Past, user_id: int, age: int) -> int:
    """The code that was this person's newest at that time."""
    registered = past.age(user_id)
    return EACH * (user_id - 1) + 1 + EACH * (registered - age) // registered


def _turns(past: Past, user_id: int) -> list[str]:
    """When each code was published and the one before it ended; the last one may end now."""
    registered = past.age(user_id)
    return [past.at(registered * left // EACH) for left in range(EACH, -1, -1)]


def _ends(newest: bool, ended: str, later: str) -> tuple[Row, Row, Row]:
    """What may have become of a code: it expired, was deactivated, or was deleted.

    Nothing deactivates one that has expired but the one that follows it.
    """
    return (newest, ended, NULL), (False, later, NULL), (False, later, ended)


def _wordings() -> Iterator[str]:
    """All the wordings there are, in no order that can be seen."""
    halves = ["".join(letters) for letters in product(ALPHABET, repeat=LENGTH // 2)]
    for number in count(1):
        first, second = divmod(number * STRIDE % len(halves) ** 2, len(halves))
        yield halves[first] + halves[second]
