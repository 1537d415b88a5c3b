"""Files only their owner may read."""

import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(text)
    draft.replace(path)


def kept_secret(path: Path) -> str:
    """Read the secret kept in the file; the first time, make one."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()
