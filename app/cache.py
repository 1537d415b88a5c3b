"""What Redis remembers, and how it is forgotten.

An answer is either right or not there. Whoever finds nothing leaves a mark of their own before
reading the truth, and stores a copy only in place of that mark; whoever changes the truth commits
first and then puts another mark in place of whatever the key holds. So a slow reader cannot bring
an old answer back after the change: its mark is gone. Nothing is kept for longer than a minute,
which bounds how long a copy can be wrong that Redis was not there to forget.

Of what changed a moment ago a replica of the database may not know yet. The mark of the change says
so to whoever reads next, until a copy takes its place that lasts at least as long.
"""

import logging
import random
from collections.abc import Callable

from redis import RedisError

from app import metrics
from app.exchange import Exchange, Script

LONGEST_SECONDS = 60
# How far a replica may lag behind without its lag being seen.
CHANGED_SECONDS = 30
READ, CHANGED = b"!", b"~"

# A copy names the reign it was made in, and is none in another: a replica that becomes the primary
# may hold what the lost one had been told to forget, or could not be told.
REIGN = "local reign = redis.call('INFO', 'replication'):match('master_replid:(%x+)')\n"
NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
SEE = Script(
    REIGN
    + """
local mark = ARGV[1]
local seen = redis.call('SET', KEYS[1], mark, 'NX', 'GET', 'EX', ARGV[2])
if seen and not seen:find('^[!~]') then
    if seen:sub(-#reign) == reign then return seen:sub(1, -#reign - 1) end
    seen = false
    redis.call('SET', KEYS[1], mark, 'EX', ARGV[2])
end
"""
    + NOW
    + "return {seen or mark, now}"
)
FILL = Script(
    REIGN
    + NOW
    + """
local seen, copy, ends = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('GET', KEYS[1]) ~= seen or ends <= now then return end
if seen:find('^~') and redis.call('PTTL', KEYS[1]) > ends - now then return end
redis.call('SET', KEYS[1], copy .. reign, 'PXAT', ARGV[3])
"""
)
# A Redis that is full refuses to begin with what takes room, but not to go on with it.
FORGET = """
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
"""

log = logging.getLogger(__name__)


class Cache:
    """Copies of answers in Redis. Without Redis every answer is read afresh."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def remember(self, key: str, read: Callable[[bool], tuple[bytes, float]]) -> tuple[bytes, bool]:
        """The answer under this key, which is JSON, and whether it came from a copy.

        :param read: reads the truth, and is told whether that may lag a moment behind; gives it,
            and for how many seconds from the start of the reading it will be true if nobody
            changes it.
        """
        seen = self._see(key)
        if isinstance(seen, bytes):
            return seen, True
        mark, now = seen or (None, 0)
        answer, seconds = read(mark is not None and mark.startswith(READ))
        if mark is not None:
            ends = now + int(min(seconds, LONGEST_SECONDS) * 1000)
            self._exchange.tell(FILL, [key], mark, answer, ends)
        return answer, False

    def forget(self, *keys: str) -> None:
        """Let no copy made so far be given under these keys again. Call it after the commit."""
        for key in keys:
            try:
                self._exchange.ask("EVAL", FORGET, 1, key, _mark(CHANGED), CHANGED_SECONDS)
            except RedisError as error:
                metrics.part_failures.labels("cache").inc()
                lost = type(error).__name__
                log.warning(
                    "Redis could not forget (%s); a copy may be given for %s s",
                    lost,
                    LONGEST_SECONDS,
                )

    def ping(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(self._exchange.ask("PING"))
        except RedisError:
            return False

    def _see(self, key: str) -> bytes | tuple[bytes, int] | None:
        """The copy under the key, or the mark that stands there now and when that was (ms).

        None without Redis.
        """
        mark = _mark(READ)
        try:
            seen = self._exchange.run(SEE, [key], mark, LONGEST_SECONDS)
        except RedisError:
            metrics.part_failures.labels("cache").inc()
            return None
        return seen if isinstance(seen, bytes) else tuple(seen)


def _mark(kind: bytes) -> bytes:
    """One that nobody else leaves."""
    # It is no secret, and that of secrets takes longer. A child begins a series of its own.
    return kind + random.randbytes(16)  # noqa: S311
