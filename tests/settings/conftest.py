"""The settings as a deployment has them loaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.settings import load_settings
from tests.settings.given import Load


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads `settings.json` with this content, and this environment."""
    monkeypatch.chdir(tmp_path)

    def load_with(content: Any, **environ: str) -> dict[str, Any]:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "settings.json").write_bytes(raw)
        return load_settings(environ)

    return load_with
