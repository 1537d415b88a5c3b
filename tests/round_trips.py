"""How often Redis is turned to."""

from collections.abc import Callable
from typing import cast

import redis


def round_trips(client: redis.Redis, ask: Callable[[], object]) -> int:
    """How many times anybody but this client turns to its Redis while that is asked."""
    before = _reads(client)
    ask()
    # This question is one of them.
    return _reads(client) - before - 1


def _reads(client: redis.Redis) -> int:
    return cast(int, client.info("stats")["total_reads_processed"])
