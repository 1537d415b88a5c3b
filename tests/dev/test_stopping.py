"""What `make run` promises when it ends."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dev.ports import free_port
from dev.processes import kill, wait_until_gone
from dev.running import temporary_folder
from tests.dev.launcher import Launcher

# Ctrl-C, whoever ends services, and a terminal that is closed.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SOMEBODY = {"email": "somebody@example.org", "password": "correct horse battery"}


@pytest.fixture
def launcher(checkout: Path) -> Iterator[Launcher]:
    with temporary_folder() as folder:
        launcher = Launcher(checkout, folder / "data", free_port())
        with contextlib.closing(launcher):
            yield launcher


def post(launcher: Launcher, path: str) -> int:
    return httpx.post(launcher.url + path, json=SOMEBODY, trust_env=False, timeout=30).status_code


@pytest.mark.parametrize("number", STOPPING)
def test_whatever_asks_it_to_end_leaves_no_process_and_all_data(
    launcher: Launcher, number: signal.Signals
) -> None:
    launcher.start()
    assert post(launcher, "/auth/register") == 201
    launcher.stop(number)
    launcher.start()
    assert post(launcher, "/auth/login") == 200


def test_it_ends_with_the_make_that_started_it(launcher: Launcher) -> None:
    launcher.start("sh", "-c", '"$@"; true', "sh")
    processes = launcher.processes()
    kill(processes[:1])
    wait_until_gone(processes, seconds=20)


def test_a_start_after_sigkill_ends_what_was_left_and_nobody_else(launcher: Launcher) -> None:
    launcher.start()
    assert post(launcher, "/auth/register") == 201
    orphans = launcher.processes()[2:]
    launcher.kill()
    pretend_to_be_postgres(launcher)
    launcher.start()
    wait_until_gone(orphans, seconds=0)
    assert post(launcher, "/auth/login") == 200


def pretend_to_be_postgres(launcher: Launcher) -> None:
    """Let the pid file name a stranger, us, as it may after the numbers were given out anew."""
    pid_file = launcher.data / "postgres" / "data" / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]))
