"""The service behind one proxy, so that a test may come from anywhere."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from flask import Flask

from app import create_app
from app.settings import load_settings
from tests.serving import served

Allow = Callable[[str, str], None]


@pytest.fixture(scope="module")
def app(settings_file: Path, mail_folder: Path) -> Flask:
    environment = {"REFERRAL_SETTINGS": str(settings_file), "REFERRAL_TRUSTED_PROXIES": "1"}
    app = create_app(load_settings(environment))
    app.config["MAILBOX"] = str(mail_folder)
    return app


@pytest.fixture(scope="module")
def base_url(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    """Each request comes from another network address, unless it says from which."""
    addresses = (f"198.51.{number >> 8}.{number & 255}" for number in count())

    def come_from_somewhere(request: httpx.Request) -> None:
        request.headers.setdefault("X-Forwarded-For", next(addresses))

    hooks = {"request": [come_from_somewhere]}
    with httpx.Client(base_url=base_url, timeout=30, verify=False, event_hooks=hooks) as client:
        yield client


@pytest.fixture
def allow(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Allow:
    """Sets the figures of one limit: `allow("LOGIN", "1 per hour")`."""

    def set_figures(setting: str, figures: str) -> None:
        monkeypatch.setitem(app.config, f"RATELIMIT_{setting}", figures)

    return set_figures


def coming_from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}
