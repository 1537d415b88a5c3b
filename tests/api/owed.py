"""What the outbox says of what is owed."""

from tests.endings import Sql


def seconds_until_due(sql: Sql) -> float:
    """From when the last attempt was counted."""
    ((seconds,),) = sql("SELECT extract(epoch FROM due_at - now())::float FROM outbox")
    return seconds


def attempts(sql: Sql) -> list[int]:
    return [count for (count,) in sql("SELECT attempts FROM outbox ORDER BY id")]
