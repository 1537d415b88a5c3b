"""Files of counts that a full disk ends nobody by.

prometheus_client maps its files into memory, and they have holes. A hole that the disk has no room
for ends the process that writes into it (mmap(2), SIGBUS): here that would be all there are.
"""

import os
from contextlib import suppress
from mmap import mmap

from prometheus_client.mmap_dict import MmapedDict

FIRST_SIZE = 1 << 16
# What an entry takes beside its key, at most.
BESIDE_THE_KEY = 32
NOWHERE = -1


class ReservedDict(MmapedDict):
    """Takes room before it writes. Where there is none it counts in memory, unseen by others."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if read_mode or os.path.exists(filename) or _made(filename):
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
            self._place = self._f.fileno()
        else:
            self._f = None  # type: ignore[assignment]
            self._place = NOWHERE
            self._m, self._capacity = mmap(NOWHERE, FIRST_SIZE), FIRST_SIZE
            # Behind the number that says how much is used.
            self._used = 8
            self._positions: dict[str, int] = {}

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + BESIDE_THE_KEY > self._capacity:
            self._grow(2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self, size: int) -> None:
        if self._place != NOWHERE and not _has_room(self._place, size):
            # What is in the file stays there to be read.
            self._place = NOWHERE
        grown = mmap(self._place, size)
        grown[: self._capacity] = self._m[:]
        self._m, self._capacity = grown, size


def _made(filename: str) -> bool:
    """Whether there was room for another file, which is there at once as a whole."""
    unfinished = f"{filename}.new"
    with suppress(OSError), open(unfinished, "wb") as file:
        if _has_room(file.fileno(), FIRST_SIZE):
            os.rename(unfinished, filename)
            return True
    with suppress(OSError):
        os.unlink(unfinished)
    return False


def _has_room(file: int, size: int) -> bool:
    """Have a file be of this size, without holes."""
    try:
        os.posix_fallocate(file, 0, size)
    except OSError:
        return False
    return True
