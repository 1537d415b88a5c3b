"""Chromium, and the service as it is deployed, with a mailbox in place of a mail server."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from app import create_app
from app.settings import load_settings
from dev.settings import write_settings
from tests.browser.tab import Tab
from tests.conftest import redis_address
from tests.deployed.service import Service, connections_to
from tests.inbox import Inbox
from tests.people import People

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Playwright itself sees to a new profile and to most of what a browser does unasked.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    # Nothing leaves this machine, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

# A busy machine takes its time to draw.
expect.set_options(timeout=20_000)

OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.exit(f"None of {', '.join(NAMES)} is installed, and the tests need one.", 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=FLAGS,
            # It refuses to run in its sandbox as root.
            chromium_sandbox=os.geteuid() != 0,
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def mail_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mails")


@pytest.fixture(scope="session")
def service(
    database_url: str,
    redis_url: str,
    worker: int,
    mail_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    service = Service(folder / "settings.json", folder)
    write_settings(
        folder,
        database=database_url,
        cache=redis_url,
        broker=redis_address(2 * worker + 1),
        public_url=service.url,
        MAILBOX=str(mail_folder),
        # All of them come from one address, faster than people.
        RATELIMIT_ENABLED=False,
    )
    with service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with connections_to(service.url) as client:
        yield client


@pytest.fixture
def register(http: httpx.Client) -> People:
    """Makes people: `register()`, `register(email=…)`, `register(referral_code=…)`."""
    return People(http)


@pytest.fixture
def inbox(service: Service, mail_folder: Path) -> Inbox:
    """The mails of this test."""
    for mail in mail_folder.glob("*/*"):
        mail.unlink()
    settings = load_settings({"REFERRAL_SETTINGS": str(service.settings)})
    return Inbox(create_app(settings), mail_folder)


@pytest.fixture
def open_tab(browser: Browser, service: Service) -> Iterator[OpenTab]:
    """Opens a page: `open_tab("/swagger")`, with Playwright's options for the browser.

    However the test goes on, the page asks no other host for anything and complains of nothing.
    """
    tabs: list[Tab] = []

    def open_(path: str, **options: Any) -> Tab:
        tabs.append(Tab(browser.new_context(**options), service.url))
        tabs[-1].open(path)
        return tabs[-1]

    yield open_
    for tab in tabs:
        tab.page.context.close()
        assert tab.strange_requests == []
        assert tab.complaints == []
