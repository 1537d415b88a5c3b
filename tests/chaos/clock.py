"""A clock for processes under test, which may be set at any time; their waits go on as ever."""

import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
DAY_SECONDS = 24 * 3600


class Clock:
    """It is right at first.

    :ivar environment: what a process that goes by it is started with.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "seconds-off"
        self._file.write_bytes(bytes(struct.calcsize("q")))
        library = folder / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        self.environment = {"LD_PRELOAD": str(library), "SECONDS_OFF": str(self._file)}

    def set(self, seconds_off: int) -> None:
        """Have it be off by so much."""
        # The file stays the one that processes have mapped.
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds_off))
