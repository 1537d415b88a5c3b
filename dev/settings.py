"""The settings file of the service as it is developed and tested."""

import json
from pathlib import Path
from typing import Any

from dev.files import kept_secret, write_private


def write_settings(
    folder: Path, *, database: str, cache: str, broker: str, public_url: str, **further: Any
) -> Path:
    """Write the folder's `settings.json`; its key stays the same from start to start.

    :param further: other settings, by their keys.
    """
    settings = {
        "DEVELOPMENT": True,
        "SECRET_KEY": kept_secret(folder / "secret_key"),
        "SQLALCHEMY_DATABASE_URI": database,
        "REDIS_URL_CACHE": cache,
        "REDIS_URL_BROKER": broker,
        "PUBLIC_URL": public_url,
    } | further
    path = folder / "settings.json"
    write_private(path, json.dumps(settings, indent=4))
    return path
