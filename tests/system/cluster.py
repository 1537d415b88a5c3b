"""The service on more than one machine, as docs/scaling.md draws it, on one."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil

from dev.processes import kill
from dev.running import Running
from dev.settings import write_settings
from dev.waiting import wait_until
from tests.conftest import migrate
from tests.deployed.service import Service
from tests.deployed.together import at_once
from tests.deployed.worker import Part
from tests.mail_server import MailServer
from tests.system.nginx import Nginx
from tests.system.postgresql import PgBouncer, Primary, Replica
from tests.system.redis import RedisSentinel, RedisServer, watched_url

NODES = ("one", "two")
# When nginx asks a node no more, and for how long.
GIVEN_UP = "max_fails=1 fail_timeout=5s"


@contextmanager
def together(parts: Sequence[Service | Part]) -> Iterator[None]:
    """Start them at the same time, and stop them so: each takes seconds."""
    try:
        at_once([part.__enter__ for part in parts])
        yield
    finally:
        at_once([part.__exit__ for part in parts])


class Cluster:
    """All of it, for the length of a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.primary = Running(Primary(folder / "primary"))
        self.replica = Running(Replica(folder / "replica", self.primary.server))
        self.pgbouncer = Running(
            PgBouncer(folder / "pgbouncer", self.primary.server, self.replica.server)
        )
        first = RedisServer(folder / "redis-0")
        followers = [RedisServer(folder / f"redis-{number}", first) for number in (1, 2)]
        self.redis = [Running(server) for server in (first, *followers)]
        self.sentinels = [
            Running(RedisSentinel(folder / f"sentinel-{number}", first)) for number in range(3)
        ]
        self.mail_server = MailServer()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def redis_primary(self) -> Running[RedisServer]:
        """The one that is it by the word of the first sentinel."""
        return self._redis_at(self.sentinels[0].server.primary_port())

    def redis_agrees(self, lost: Running[RedisServer] | None = None) -> bool:
        """Tell whether all but the lost one follow whom every sentinel calls the primary."""
        (port, *others) = {sentinel.server.primary_port() for sentinel in self.sentinels}
        primary = self._redis_at(port)
        followers = {running.server.port for running in self.redis} - {port}
        if lost:
            followers.discard(lost.server.port)
        return primary is not lost and not others and primary.server.followers() == followers

    def forgetting_took_too_long(self) -> int:
        """How often Redis was too slow to forget a copy, which may be given for a minute then."""
        return sum(node.logged().count("could not forget (TimeoutError)") for node in self.nodes)

    def primary_url(self) -> str:
        """PostgreSQL without PgBouncer."""
        server = self.primary.server
        return server.url("referral", server.password)

    def kill_node(self) -> None:
        """End one API node without warning."""
        node = psutil.Process(self.nodes[1].process.pid)
        kill([node, *node.children(recursive=True)])
        self.nodes[1].process.wait()

    def start_node(self) -> None:
        """Start it again."""
        self.nodes[1].__enter__()

    def _start(self, stack: ExitStack) -> None:
        stack.enter_context(self.mail_server)
        stack.enter_context(self.primary)
        self.primary.server.make_roles()
        # What holds connections is stopped before what it holds them to.
        for running in (self.replica, self.pgbouncer, *self.redis, *self.sentinels):
            stack.enter_context(running)
        wait_until(self._sentinels_are_ready, "sentinels that know all")
        migrate(self._settings("migration", self.primary_url()))
        settings = self._settings("settings", self.pgbouncer.server.url())
        self.nodes = [Service(settings, self._made(f"node-{name}")) for name in NODES]
        self.workers = [
            Part(self.nodes[0], self._made(f"worker-{name}"), "worker", "-n", f"{name}@%h")
            for name in NODES
        ]
        beat = Part(self.nodes[0], self._made("beat"), "beat")
        stack.enter_context(together([*self.nodes, *self.workers, beat]))
        servers = [f"server 127.0.0.1:{node.port} {GIVEN_UP};" for node in self.nodes]
        nginx = Nginx(self._folder, " ".join(["zone api 64k;", *servers]))
        stack.enter_context(nginx)
        self.url = nginx.url

    def _redis_at(self, port: int) -> Running[RedisServer]:
        return next(running for running in self.redis if running.server.port == port)

    def _sentinels_are_ready(self) -> bool:
        with suppress(KeyError):
            return all(sentinel.server.knows_all() for sentinel in self.sentinels)
        return False

    def _settings(self, name: str, database: str) -> Path:
        sentinels = [sentinel.server for sentinel in self.sentinels]
        mail: dict[str, Any] = {
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": self.mail_server.port,
            "MAIL_USE_TLS": False,
        }
        return write_settings(
            self._made(name),
            database=database,
            cache=watched_url(sentinels, 0),
            broker=watched_url(sentinels, 1),
            public_url="http://127.0.0.1:8000",
            SQLALCHEMY_REPLICA_URI=self.pgbouncer.server.url("referral_replica"),
            # Everybody here comes from one address.
            RATELIMIT_ENABLED=False,
            **mail,
        )

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder
