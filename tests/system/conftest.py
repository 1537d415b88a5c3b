"""The service behind nginx."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dev.running import temporary_folder
from tests.deployed.service import Service
from tests.system.nginx import Nginx


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that the account of the servers may enter."""
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def service(settings_file: Path, folder: Path) -> Iterator[Service]:
    with Service(settings_file, folder) as service:
        yield service


@pytest.fixture(scope="module")
def nginx(service: Service, folder: Path) -> Iterator[Nginx]:
    with Nginx(folder, f"server 127.0.0.1:{service.port};") as nginx:
        yield nginx


@pytest.fixture
def http(nginx: Nginx) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=nginx.url, timeout=30, trust_env=False) as client:
        yield client
