"""The folder in which `make run` keeps everything."""

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dev.account import is_root
from dev.waiting import wait_until

CHECKOUT = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """Find the folder, and make it the first time."""
    folder = Path(os.environ.get("DATA") or _default_folder()).resolve()
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755 if is_root() else 0o700)
    (folder / "logs").mkdir(exist_ok=True)
    return folder


def _default_folder() -> Path:
    # Root's checkout may be where PostgreSQL, which then runs as somebody else, cannot go.
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    return Path(f"/var/lib/referral-{digest}") if is_root() else CHECKOUT / ".data"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only launcher on the folder."""
    with (folder / "lock").open("w") as file:
        try:
            # One whose `make` was killed needs a moment to end.
            wait_until(lambda: _lock(file), "lock", seconds=5)
        except TimeoutError:
            sys.exit(f"`make run` runs here already; its data is in {folder}")
        yield


def _lock(file: IO[str]) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
