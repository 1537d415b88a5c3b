"""Redis and its sentinels."""

import secrets
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import redis

from tests.system.programs import DEPLOY, HOST, Program

SCALING = DEPLOY / "scaling"
PASSWORD = secrets.token_urlsafe(16)


class RedisProgram(Program):
    """A server or a sentinel."""

    @cached_property
    def client(self) -> redis.Redis:
        return redis.Redis(HOST, self.port, password=PASSWORD, socket_timeout=2)

    def is_ready(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class RedisServer(RedisProgram):
    """A server, which follows another if one is given.

    :param primary: the one it follows at first; the sentinels may tell it otherwise.
    """

    def __init__(self, folder: Path, primary: "RedisServer | None" = None) -> None:
        super().__init__(folder)
        self._primary = primary

    def prepare(self) -> None:
        super().prepare()
        values = {"REDIS_HOST": HOST, "REDIS_PORT": self.port, "REDIS_PASSWORD": PASSWORD}
        self._configuration = self.configure(SCALING / "redis.conf", **values)
        if self._primary:
            with self._configuration.open("a") as file:
                file.write(f"replicaof {HOST} {self._primary.port}\n")

    def command(self) -> list[str]:
        return ["/usr/bin/redis-server", str(self._configuration)]

    def followers(self) -> set[int]:
        """The ports of those who follow it."""
        role, *_, followers = self.client.role()
        return {int(port) for _, port, _ in followers} if role == b"master" else set()


class RedisSentinel(RedisProgram):
    """One of those who agree on the primary."""

    def __init__(self, folder: Path, primary: RedisServer) -> None:
        super().__init__(folder)
        self._primary = primary

    def prepare(self) -> None:
        super().prepare()
        self._configuration = self.configure(
            SCALING / "sentinel.conf",
            SENTINEL_HOST=HOST,
            SENTINEL_PORT=self.port,
            REDIS_PASSWORD=PASSWORD,
            REDIS_PRIMARY_HOST=HOST,
            REDIS_PRIMARY_PORT=self._primary.port,
        )

    def command(self) -> list[str]:
        return ["/usr/bin/redis-sentinel", str(self._configuration)]

    def primary_port(self) -> int:
        """Where it says that the primary is."""
        port: int = self.client.sentinel_get_master_addr_by_name("referral")[1]
        return port

    def knows_all(self) -> bool:
        """Tell whether it knows the replicas and the other sentinels."""
        state = self.client.sentinel_masters()["referral"]
        return state["num-slaves"] == 2 and state["num-other-sentinels"] == 2


def watched_url(sentinels: Sequence[RedisSentinel], database: int) -> str:
    """The address of the primary that they watch, as the service takes it."""
    addresses = ",".join(f"{HOST}:{sentinel.port}" for sentinel in sentinels)
    return f"redis+sentinel://:{PASSWORD}@{addresses}/referral?db={database}"
