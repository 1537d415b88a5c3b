"""A deployment says how long a session may last."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app import create_app
from app.settings import load_settings
from tests.endings import Sql
from tests.people import Person, bearer
from tests.serving import served

HOUR = 3600


def test_a_session_lasts_as_long_as_the_setting_says(ada: Person, sql: Sql) -> None:
    assert lasts(sql) == timedelta(seconds=HOUR)


def test_a_refresh_makes_it_no_longer(http: httpx.Client, ada: Person, sql: Sql) -> None:
    sql("UPDATE sessions SET created_at = now() - interval '30 minutes'")
    assert http.post("/auth/refresh", headers=bearer(ada.refresh_token)).is_success
    assert lasts(sql) == timedelta(seconds=HOUR)


def lasts(sql: Sql) -> timedelta:
    ((lasts,),) = sql("SELECT expires_at - created_at FROM sessions")
    return lasts


@pytest.fixture(scope="module")
def base_url(settings_file: Path) -> Iterator[str]:
    environ = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_SESSION_LIFETIME": str(HOUR),
    }
    with served(create_app(load_settings(environ))) as url:
        yield url
