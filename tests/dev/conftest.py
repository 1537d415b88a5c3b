"""Launchers on a checkout, data and ports that no developer uses."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.data import CHECKOUT
from dev.ports import free_port
from dev.running import temporary_folder
from tests.dev.launcher import Launcher

SERVICE = ("app", "dev", "migrations")
SERVICE_FILES = ("wsgi.py", "gunicorn.conf.py")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the service where paths are at their worst."""
    copy = tmp_path_factory.mktemp("somebody's") / "100 %s #1 ;2" / 'the "service"'
    for folder in SERVICE:
        shutil.copytree(CHECKOUT / folder, copy / folder)
    for file in SERVICE_FILES:
        shutil.copy(CHECKOUT / file, copy)
    return copy


@pytest.fixture(scope="module")
def launcher(checkout: Path) -> Iterator[Launcher]:
    with temporary_folder() as folder:
        launcher = Launcher(checkout, folder / "the data", free_port())
        with contextlib.closing(launcher):
            launcher.start()
            yield launcher
