"""When everything happened: an age is how many microseconds ago."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = 24 * 60 * 60 * 1_000_000
TWO_YEARS = 2 * 365 * DAY


@dataclass(frozen=True)
class Past:
    """The last two years, in which so many people registered at even intervals."""

    now: datetime
    people: int

    def age(self, user_id: int) -> int:
        """How long ago this person registered."""
        return TWO_YEARS * (self.people - user_id + 1) // self.people

    def at(self, age: int) -> str:
        """When that was, or will be where it is negative, as PostgreSQL reads it."""
        return (self.now - timedelta(microseconds=age)).isoformat()
