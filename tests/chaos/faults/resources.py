"""PostgreSQL has no connection left to give, or no room to write."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from dev.account import is_root
from tests.chaos.fault import Fault
from tests.chaos.faults.postgres import BACKENDS, PostgresFault
from tests.chaos.world import World, with_options

SECONDS = 5
CONNECTIONS = 60
DISK_MB = 400
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


class NoDisk(PostgresFault):
    name = "the disk runs out"
    how = f"PostgreSQL is on a tmpfs of {DISK_MB} MB that something else fills for {FULL_SECONDS} s"
    recovers_within = 30

    def lacks(self) -> str:
        return "" if is_root() else "root, who may mount a tmpfs"

    @contextmanager
    def world(self, folder: Path) -> Iterator[World]:
        disk = folder / "data" / "postgres"
        disk.mkdir(parents=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", disk], check=True
        )
        try:
            with World(folder) as world:
                yield world
        finally:
            subprocess.run(["umount", disk], check=True)

    def strike(self, world: World) -> None:
        ballast = world.data / "postgres" / "ballast"
        end = time.monotonic() + FULL_SECONDS
        with ballast.open("wb") as file:
            while time.monotonic() < end:
                free = shutil.disk_usage(ballast.parent).free
                # None is, or PostgreSQL takes some at the same moment.
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)
                time.sleep(0.05)
        ballast.unlink()
