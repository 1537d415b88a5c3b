"""Debian's programs with the configuration of deploy/, each in a folder of its own."""

import os
from pathlib import Path
from string import Template
from typing import Any

from dev.account import as_server_account, server_account
from dev.ports import free_port

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
HOST = "127.0.0.1"


class Program:
    """What all of them have: a folder, a port, and the account they run as."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        # PostgreSQL and PgBouncer refuse to be root.
        self.popen_options = as_server_account()

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.give(self.folder)

    def configure(self, source: Path, **values: Any) -> Path:
        """Write the file of this name, with values for its variables; gives its path."""
        file = self.folder / source.name
        file.write_text(Template(source.read_text()).substitute(values))
        self.give(file)
        return file

    def give(self, path: Path) -> None:
        """Let the program have it, and nobody else."""
        if path.is_file():
            path.chmod(0o600)
        os.chown(path, server_account().pw_uid, server_account().pw_gid)
