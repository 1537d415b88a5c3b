"""A server for the length of a `with` block, for tests: they may also break it."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import psutil

from dev.account import is_root
from dev.processes import end, kill, signal_all
from dev.waiting import wait_until


class Server(Protocol):
    """What can be run: Postgres and Valkey."""

    folder: Path
    popen_options: dict[str, Any]

    def prepare(self) -> None: ...
    def command(self) -> list[str]: ...
    def is_ready(self) -> bool: ...


S = TypeVar("S", bound=Server)


class Running(Generic[S]):
    """Runs a server and keeps its port across restarts."""

    def __init__(self, server: S) -> None:
        self.server = server

    def __enter__(self) -> Self:
        self.server.prepare()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process to send signals to."""
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves."""
        with (self.server.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.server.command(),
                cwd=self.server.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop their servers.
                start_new_session=True,
                **self.server.popen_options,
            )
        try:
            wait_until(self._serves, f"{self.server.folder.name} that serves")
        except BaseException:
            # Ctrl-C, too: nobody would stop it otherwise.
            self.kill()
            raise

    def stop(self) -> None:
        """Let it end cleanly."""
        signal_all(self._tree(), signal.SIGCONT)
        end(self._tree()[:1], signal.SIGINT, seconds=10)
        self._process.wait()

    def kill(self) -> None:
        """End it as a power cut would, its child processes too."""
        kill(self._tree())
        self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port, after `kill` or `stop` or from running."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Within this block it keeps its connections and answers nothing."""
        signal_all(self._tree(), signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(self._tree(), signal.SIGCONT)

    def _serves(self) -> bool:
        if self._process.poll() is not None:
            raise ChildProcessError(f"ended at once, see {self.server.folder / 'log'}")
        return self.server.is_ready()

    def _tree(self) -> list[psutil.Process]:
        if self._process.poll() is not None:
            return []
        root = psutil.Process(self.pid)
        return [root, *root.children(recursive=True)]


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for servers, gone after the block."""
    # Root's temporary folder may be closed to the account that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="referral-", dir="/tmp" if is_root() else None))
    try:
        if is_root():
            folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
