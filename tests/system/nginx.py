"""nginx from Debian, its templates filled in as the entrypoint of the image does."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from dev.account import as_server_account, is_root, server_account
from dev.ports import free_port
from dev.waiting import wait_until
from tests.system.compose import COMPOSE, PATH

TEMPLATES = Path(__file__).parents[2] / "deploy" / "nginx" / "templates"
NOBODY = "unix:/nonexistent"


class Nginx:
    """nginx before these servers, for the length of a `with` block.

    :param folder: one that everybody may enter, for under root nginx runs as somebody else.
    :param api_servers: as in an upstream block: `server a:8000; server b:8000;`.
    :param variables: others of the templates.
    """

    def __init__(self, folder: Path, api_servers: str, **variables: str):
        self.folder = folder / "nginx"
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://localhost:{self.tls_port}"
        self.log = self.folder / "log"
        self._variables = {
            "API_SERVERS": api_servers,
            "FLOWER_SERVER": NOBODY,
            "GRAFANA_SERVER": "127.0.0.1:9",
            "TLS": "off",
            "CERTIFICATES": str(self.folder),
            "HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "HTTPS_LISTEN": f"127.0.0.1:{self.tls_port}",
            "ANONYMOUS_RATE": "10000r/s",
        } | variables

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.log.touch()
        fill_in(TEMPLATES, self.folder, self._variables)
        if is_root():
            account = server_account()
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop it.
                start_new_session=True,
                **as_server_account(),
            )
        wait_until(self._listens, "nginx that listens", 10)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def command(self) -> list[str]:
        """That of docker-compose.yaml, with this place for its own."""
        given = COMPOSE["services"]["nginx"]["command"]
        nginx, *arguments = [word.replace("/tmp", str(self.folder)) for word in given]
        return [shutil.which(nginx, path=PATH) or nginx, *arguments]

    def reload(self) -> None:
        """Read the configuration and the certificates again."""
        self.process.send_signal(signal.SIGHUP)

    def logged(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text()

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise ChildProcessError(self.logged())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def fill_in(templates: Path, into: Path, variables: Mapping[str, str]) -> None:
    """Replace these variables, and nothing else that looks like one."""
    names = " ".join(f"${{{name}}}" for name in variables)
    for template in templates.glob("*.template"):
        with template.open() as given, (into / template.stem).open("w") as filled:
            command = ["envsubst", names]
            environment = os.environ | variables
            subprocess.run(command, stdin=given, stdout=filled, env=environment, check=True)
