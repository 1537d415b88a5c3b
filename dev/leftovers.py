"""Ending what was started from a data folder, also by a launcher that was killed."""

import contextlib
import signal
from pathlib import Path

import psutil

from dev.processes import end, kill

# Every process that a launcher starts carries the data folder under this name in its
# environment. A process id alone may have passed to a stranger.
MARK = "LAUNCHER_DATA"
SUPERVISOR = "supervisor.supervisord"


def stop_everything(data: Path) -> None:
    """End all parts, in order where their supervisor still lives."""
    end([part for part in _parts(data) if _is_supervisor(part)], signal.SIGTERM, seconds=9)
    # Without a supervisor: each part's first process, which looks after its own.
    end(_first_of_each(_parts(data)), signal.SIGINT, seconds=3)
    kill(_parts(data))
    _forget_postmaster(data)


def _parts(data: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs_to(process, data)]


def _belongs_to(process: psutil.Process, data: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.environ().get(MARK) == str(data) or _is_backend(process, data)
    return False


def _is_backend(process: psutil.Process, data: Path) -> bool:
    # PostgreSQL writes titles where the environment of its child processes was.
    return process.name() == "postgres" and process.cwd() == str(data / "postgres" / "data")


def _first_of_each(parts: list[psutil.Process]) -> list[psutil.Process]:
    ids = {part.pid for part in parts}
    return [part for part in parts if _parent(part) not in ids]


def _parent(process: psutil.Process) -> int | None:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return None


def _is_supervisor(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return SUPERVISOR in process.cmdline()
    return False


def _forget_postmaster(data: Path) -> None:
    # The number in it may be somebody else's by now, and would keep PostgreSQL from starting.
    (data / "postgres" / "data" / "postmaster.pid").unlink(missing_ok=True)
