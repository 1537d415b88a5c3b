"""Finding a process, and signals to several at once."""

import contextlib
import signal
from collections.abc import Iterable, Sequence

import psutil

from dev.waiting import wait_until


def named(name: str, processes: Iterable[psutil.Process]) -> psutil.Process:
    """The first process with that in its command.

    :raises ChildProcessError: none has.
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if name in " ".join(process.cmdline()):
                return process
    raise ChildProcessError(f"{name} is not up")


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send the signal to those that are still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def end(processes: Sequence[psutil.Process], number: signal.Signals, seconds: float) -> None:
    """Ask the processes to end by that signal; kill those that take longer."""
    signal_all(processes, number)
    with contextlib.suppress(TimeoutError):
        wait_until_gone(processes, seconds)
    kill(processes)


def kill(processes: Sequence[psutil.Process]) -> None:
    """End the processes without asking."""
    signal_all(processes, signal.SIGKILL)
    wait_until_gone(processes, seconds=10)


def wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Return once none of the processes runs."""
    wait_until(lambda: not any(map(_runs, processes)), "end of the processes", seconds)


def _runs(process: psutil.Process) -> bool:
    # A zombie has ended, however long its parent takes to notice.
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
