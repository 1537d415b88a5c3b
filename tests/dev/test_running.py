"""What `make run` promises while it runs."""

import json
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest

from dev.processes import wait_until_gone
from dev.waiting import wait_until
from tests.dev.launcher import Launcher, heals

CELERY = ("app.celery worker", "app.celery beat")


def test_the_service_runs_from_any_path(launcher: Launcher) -> None:
    assert httpx.get(f"{launcher.url}/readyz", trust_env=False).status_code == 200


def test_secrets_are_for_their_owner_only(launcher: Launcher) -> None:
    for name in ("settings.json", "secret_key", "postgres/password", "valkey/valkey.conf"):
        assert (launcher.data / name).stat().st_mode & 0o077 == 0


def test_what_is_committed_is_on_the_disk(launcher: Launcher) -> None:
    settings = json.loads((launcher.data / "settings.json").read_text())
    with closing(psycopg2.connect(settings["SQLALCHEMY_DATABASE_URI"])) as connection:
        cursor = connection.cursor()
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == ("on",), name


def test_everything_listens_on_loopback_only(launcher: Launcher) -> None:
    addresses = set()
    for process in launcher.processes():
        # PostgreSQL's come and go.
        with suppress(psutil.NoSuchProcess):
            addresses.update(each.laddr.ip for each in process.net_connections("inet"))
    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize("part", ["bin/postgres", "valkey-server", "gunicorn", *CELERY])
def test_a_part_that_is_killed_comes_back(launcher: Launcher, part: str) -> None:
    assert heals(launcher, part)


def test_a_worker_that_is_killed_leaves_no_process(launcher: Launcher) -> None:
    worker, _ = CELERY
    wait_until(lambda: bool(launcher.part(worker).children()), "processes of the worker")
    processes = launcher.part(worker).children()
    assert heals(launcher, worker)
    wait_until_gone(processes, seconds=10)


def test_mails_land_in_the_mailbox(launcher: Launcher) -> None:
    somebody = {"email": "somebody@example.org", "password": "correct horse battery"}
    url = f"{launcher.url}/auth/register"
    httpx.post(url, json=somebody, trust_env=False, timeout=30).raise_for_status()
    wait_until(lambda: somebody["email"] in mailbox(launcher), "mail in the mailbox")


def test_a_second_start_is_refused_in_one_line(launcher: Launcher) -> None:
    second = launcher.spawn()
    printed, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert printed == f"`make run` runs here already; its data is in {launcher.data}\n"
    assert launcher.is_ready()


def test_a_busy_port_is_refused_in_one_line(launcher: Launcher, tmp_path: Path) -> None:
    other = Launcher(launcher.checkout, tmp_path / "data", launcher.port)
    start = other.spawn()
    printed, _ = start.communicate(timeout=60)
    assert start.returncode == 1
    assert printed.startswith(f"Port {launcher.port} is in use.")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("port", [0, 65_536])
def test_no_port_is_refused_in_one_line(launcher: Launcher, tmp_path: Path, port: int) -> None:
    start = Launcher(launcher.checkout, tmp_path / "data", port).spawn()
    printed, _ = start.communicate(timeout=60)
    assert start.returncode == 1
    assert printed == f"PORT is a number from 1 to 65535, not '{port}'\n"


def mailbox(launcher: Launcher) -> str:
    """The page that lists the mails."""
    return httpx.get(f"{launcher.url}/mailbox", trust_env=False).text
