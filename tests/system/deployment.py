"""The whole of docker-compose.yaml on this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev.account import as_server_account, server_account
from dev.ports import free_port
from dev.waiting import wait_until
from tests.system.compose import CHECKOUT, COMPOSE, PATH, Container, Places
from tests.system.nginx import Nginx

DEPLOY = CHECKOUT / "deploy"


class Deployment:
    """Its containers by their names, behind nginx.

    :param folder: one that everybody may enter.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.ports = {name: free_port() for name in ("postgres", "redis", "api", "prometheus")}
        self.nginx = self._nginx()
        self._postgres = {
            "PGDATA": str(folder / "data"),
            "PGHOST": str(folder),
            "PGPORT": str(self.ports["postgres"]),
            "PGDATABASE": "postgres",
        }
        self.containers = self._containers()

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of it, in the order in which one waits for another."""
        self._prepare()
        with ExitStack() as stack:
            for name in ("postgres", "redis"):
                self._start(name, stack)
                wait_until(self.containers[name].is_healthy, f"health of {name}")
            self._as_postgres("bash", str(self.folder / "role.sh"))
            assert self.containers["migrate"].run() == 0, self.containers["migrate"].logged()
            for name in ("api", "worker", "beat", "flower", "prometheus"):
                self._start(name, stack)
            wait_until(self.containers["api"].is_healthy, "health of api")
            stack.enter_context(self.nginx)
            yield

    def _nginx(self) -> Nginx:
        given = COMPOSE["services"]["nginx"]["environment"]
        servers = {
            name: given[name].replace("/run/referral", f"{self.folder}/sockets")
            for name in ("API_SERVERS", "FLOWER_SERVER")
        }
        return Nginx(self.folder, servers.pop("API_SERVERS"), **servers)

    def _start(self, name: str, stack: ExitStack) -> None:
        self.containers[name].start()
        stack.callback(self.containers[name].stop)

    def _containers(self) -> dict[str, Container]:
        further = {
            "postgres": (f"-k{self.folder}", "-clisten_addresses=127.0.0.1"),
            "redis": ("--port", str(self.ports["redis"]), "--bind", "127.0.0.1"),
            "prometheus": (f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",),
        }
        places = self._places()
        containers = {
            name: Container(name, places, self.folder / "logs", further.get(name, ()))
            for name in COMPOSE["services"]
        }
        containers["postgres"] = Container(
            "postgres",
            places,
            self.folder / "logs",
            further["postgres"],
            self._postgres,
            **as_server_account(),
        )
        return containers

    def _places(self) -> Places:
        secrets = {
            f"/run/secrets/{name}": str(self.folder / "secrets" / Path(secret["file"]).name)
            for name, secret in COMPOSE["secrets"].items()
        }
        here = {
            "/run/referral": str(self.folder / "sockets"),
            "/run/metrics": str(self.folder / "metrics"),
            "/tmp": str(self.folder),
            "/etc/prometheus": str(self.folder / "prometheus"),
            "=/prometheus": f"={self.folder}/tsdb",
            "answers.py": str(DEPLOY / "answers.py"),
            "redis-cli": f"redis-cli -p {self.ports['redis']}",
            "0.0.0.0:8000": f"127.0.0.1:{self.ports['api']}",
            "api:8000": f"127.0.0.1:{self.ports['api']}",
            "127.0.0.1:8080": f"127.0.0.1:{self.nginx.port}",
            "127.0.0.1:9090": f"127.0.0.1:{self.ports['prometheus']}",
            "@postgres/": f"@127.0.0.1:{self.ports['postgres']}/",
            "@redis/": f"@127.0.0.1:{self.ports['redis']}/",
        }
        return Places(secrets | here, {"PUBLIC_URL": self.nginx.url})

    def _prepare(self) -> None:
        for name in ("logs", "metrics", "sockets", "tsdb"):
            (self.folder / name).mkdir()
        self._make_secrets()
        self._copy(DEPLOY / "prometheus", self.folder / "prometheus")
        self._copy(DEPLOY / "postgres", self.folder)
        self._make_cluster()

    def _make_secrets(self) -> None:
        own = self.folder / "deploy"
        (own / "secrets").mkdir(parents=True)
        shutil.copy(DEPLOY / "secrets.sh", own)
        subprocess.run([own / "secrets.sh"], check=True)
        # As Docker does: who may read a file decides, and not who may enter its folder.
        self._copy(own / "secrets", self.folder / "secrets")

    def _copy(self, folder: Path, to: Path) -> None:
        """Copy the files, with what they name in its place here."""
        to.mkdir(exist_ok=True)
        for file in folder.iterdir():
            (to / file.name).write_text(self._places().find(file.read_text()))

    def _make_cluster(self) -> None:
        # initdb makes its folder, below one where it may not.
        account = server_account()
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        for path in (data, self.folder):
            os.chown(path, account.pw_uid, account.pw_gid)
        arguments = COMPOSE["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
        password = f"--pwfile={self.folder}/secrets/postgres_password"
        self._as_postgres("initdb", *arguments, "--locale=C.UTF-8", password)

    def _as_postgres(self, *command: str) -> None:
        subprocess.run(
            command,
            check=True,
            env=os.environ | self._postgres | {"PATH": PATH},
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **as_server_account(),
        )
