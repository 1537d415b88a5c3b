"""`python wsgi.py`: the service for its developers."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.ports import is_free
from dev.waiting import wait_until
from tests.deployed.service import CHECKOUT, connections_to
from tests.people import People

# There is one port 5000: one test after the other.
pytestmark = pytest.mark.xdist_group("development_server")


def test_the_development_server_serves(url: str) -> None:
    with connections_to(url) as http:
        person = People(http)()
        assert person.get("/auth/me").json()["email"] == person.email


def test_the_development_server_logs_no_query(url: str, tmp_path: Path) -> None:
    with connections_to(url) as http:
        http.get("/referral/code/by-email", params={"email": "ada@example.com"})
    log = tmp_path / "log"
    wait_until(lambda: "GET /referral/code/by-email 404" in log.read_text(), "line", seconds=5)
    assert "ada" not in log.read_text()


@pytest.fixture
def url(settings_file: Path, tmp_path: Path) -> Iterator[str]:
    """Where it says it runs."""
    if not is_free(5000):
        pytest.skip("somebody else uses its port")
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "wsgi.py"],
            cwd=CHECKOUT,
            env=os.environ | {"REFERRAL_SETTINGS": str(settings_file)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            running = re.compile(r"Running on (http://\S+)")
            wait_until(lambda: bool(running.search(log.read_text())), "address")
            yield running.findall(log.read_text())[0]
        finally:
            process.terminate()
