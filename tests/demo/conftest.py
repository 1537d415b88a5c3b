"""The application whose database is filled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.extensions import db
from app.settings import load_settings


@pytest.fixture(scope="module")
def app(settings_file: Path) -> Iterator[Flask]:
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    yield app
    with app.app_context():
        db.engine.dispose()
