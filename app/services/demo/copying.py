"""Rows on their way into PostgreSQL by COPY, a few at a time."""

from collections.abc import Callable, Iterator
from io import RawIOBase
from itertools import islice

from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor

# No value has a character in it that COPY would want escaped.
Row = tuple[object, ...]
NULL = r"\N"
LINES = 1000


class Lines(RawIOBase):
    """Rows as the file that COPY reads."""

    def __init__(self, rows: Iterator[Row], progressed: Callable[[int], None]) -> None:
        self._rows = rows
        self._progressed = progressed
        self.failure: BaseException | None = None

    def read(self, _size: int = -1, /) -> bytes:
        """The next lines, whatever number of bytes is asked for; nothing at the end."""
        try:
            return self._next()
        except BaseException as failure:
            self.failure = failure
            raise

    def _next(self) -> bytes:
        rows = list(islice(self._rows, LINES))
        self._progressed(len(rows))
        return "".join(["\t".join(map(str, row)) + "\n" for row in rows]).encode()


def copy(cur: cursor, table: str, rows: Iterator[Row], progressed: Callable[[int], None]) -> None:
    """Write the rows into the table, whose constraints and indexes stay as they are.

    :param table: its name and its columns.
    :param progressed: is told of rows on their way, how many each time.
    """
    lines = Lines(rows, progressed)
    try:
        cur.copy_expert(f"COPY {table} FROM STDIN", lines)
    except QueryCanceled:
        # What happened here psycopg2 tells nobody but the server: Ctrl-C for instance, which may
        # also come before anything can be noted.
        raise lines.failure or KeyboardInterrupt from None
