"""Settings that are as they should be, and what is said of others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import SettingsError

CHECKOUT = Path(__file__).parent.parent.parent
EXAMPLE = json.loads((CHECKOUT / "settings.json.example").read_text())
SECRET = "Vq7-hD2kLm9_xZ4pRt6wYb8nCj3sFg5a"
GOOD = {
    "SECRET_KEY": SECRET,
    "SQLALCHEMY_DATABASE_URI": "postgresql://user:pass@localhost:5432/referral",
    "REDIS_URL_CACHE": "redis://localhost:6379/0",
    "REDIS_URL_BROKER": "redis://localhost:6379/1",
    "PUBLIC_URL": "https://referral.example.org",
}
WEAK_SECRETS = [
    *("", "short", SECRET[:31], "a" * 64, "ab" * 32, "secret" * 10, "0123456789" * 4, " " * 40),
    *(EXAMPLE["SECRET_KEY"], "change-me", f"change-me-{SECRET}", f"CHANGE-ME-{SECRET}"),
]

Load = Callable[..., dict[str, Any]]


def complaint(load: Load, content: Any, **environ: str) -> str:
    """What is said of settings that cannot be used."""
    with pytest.raises(SettingsError) as refused:
        load(content, **environ)
    return str(refused.value)


def faulty_keys(message: str) -> list[str]:
    """The keys that the message names, one a line."""
    _, *lines = message.splitlines()
    return [line.strip().partition(":")[0] for line in lines]
