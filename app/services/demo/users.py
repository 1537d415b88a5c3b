"""The people: user1@example.com and so on."""

from collections.abc import Iterator
from random import Random

from app.services.demo.copying import NULL, Row
from app.services.demo.past import Past

TABLE = (
    "users (id, email, password_hash, created_at, password_changed_at, email_verified_at, language)"
)

VERIFIED, RUSSIAN = 0.9, 0.15


def rows(past: Past, password_hash: str) -> Iterator[Row]:
    """Everybody, in the order they registered."""
    chance = Random("users")  # noqa: S311  # nosec B311
    for user_id in range(1, past.people + 1):
        age = past.age(user_id)
        registered = past.at(age)
        # Soon after, and for the newest, too, before now.
        verified = past.at(age - age // 10_000) if chance.random() < VERIFIED else NULL
        language = "ru" if chance.random() < RUSSIAN else "en"
        yield user_id, email(user_id), password_hash, registered, registered, verified, language


def email(user_id: int) -> str:
    """The address of this person."""
    return f"user{user_id}@example.com"
