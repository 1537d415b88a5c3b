"""PostgreSQL has no connection left to give, or no room to write."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import httpx
import psycopg2

from dev.account import is_root
from tests.chaos.fault import Fault, Round
from tests.chaos.faults.gunicorn import Reloads
from tests.chaos.faults.postgres import BACKENDS, PostgresFault
from tests.chaos.world import World, with_options

SECONDS = 5
CONNECTIONS = 60
# Tables have some room left, and are done with it in less.
FULL_SECONDS = 20
COMMIT_MS = 100
SLOWLY = with_options("POSTGRES", f"--commit_delay={COMMIT_MS * 1000}", "--commit_siblings=0")
CUT_OFF = f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS backends"


class NoConnections(PostgresFault):
    name = "connections run out"
    how = f"others take every one of `max_connections = {CONNECTIONS}` for {SECONDS} s"

    def world(self, folder: Path) -> World:
        return World(folder, with_options("POSTGRES", f"--max_connections={CONNECTIONS}"))

    def strike(self, world: World) -> None:
        taken = [psycopg2.connect(world.database)]
        taken[0].autocommit = True
        taken[0].cursor().execute(CUT_OFF)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with suppress(psycopg2.OperationalError):
                taken.append(psycopg2.connect(world.database))
                continue
            # The service has some of them again.
            taken[0].cursor().execute(CUT_OFF)
        for connection in taken:
            connection.close()


class SlowDisk(Fault):
    """Whatever comes too early comes long before the commit."""

    name = "the disk is slow"
    how = f"every COMMIT takes {COMMIT_MS} ms longer, all the time"
    is_felt = False
    recovers_within = 0

    def world(self, folder: Path) -> World:
        return World(folder, SLOWLY)

    def strike(self, _: World) -> None:
        time.sleep(SECONDS)


class NoRoom(Fault):
    """A folder is on a disk of its own, and that is full for a while."""

    folder: str
    size_mb: int

    def lacks(self) -> str:
        return "" if is_root() else "root, who may mount a tmpfs"

    @contextmanager
    def world(self, folder: Path) -> Iterator[World]:
        disk = folder / "data" / self.folder
        disk.mkdir(parents=True)
        size = f"size={self.size_mb}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=True)
        try:
            with World(folder) as world:
                yield world
        finally:
            subprocess.run(["umount", disk], check=True)

    def strike(self, world: World) -> None:
        ballast = world.data / self.folder / "ballast"
        end = time.monotonic() + FULL_SECONDS
        with ballast.open("wb") as file:
            self.fill(file)
            self.meanwhile(world)
            while time.monotonic() < end:
                self.fill(file)
                time.sleep(0.05)
        ballast.unlink()

    def fill(self, file: BinaryIO) -> None:
        free = shutil.disk_usage(file.name).free
        # None is, or somebody takes some at the same moment.
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)

    def meanwhile(self, world: World) -> None:
        """What else happens, once it is full."""


class NoDisk(NoRoom, PostgresFault):
    name = "the disk runs out"
    folder, size_mb = "postgres", 400
    how = f"PostgreSQL is on a tmpfs of {size_mb} MB that something else fills for {FULL_SECONDS} s"
    recovers_within = 30


class NoRoomForCounts(NoRoom):
    name = "no room for counts"
    folder, size_mb = "metrics", 4
    how = "so is the folder behind /metrics, and gunicorn reloads meanwhile"
    is_felt = False
    recovers_within = 0

    def meanwhile(self, world: World) -> None:
        Reloads().strike(world)

    def check(self, round_: Round) -> Iterator[str]:
        status = httpx.get(f"{round_.world.url}/metrics", trust_env=False).status_code
        if status != 200:
            yield f"/metrics gives {status}"
