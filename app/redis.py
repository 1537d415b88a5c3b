"""Reaching Redis: one server, or whichever is the primary by the word of its sentinels."""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as TooLate
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelManagedConnection

from app.setting_kinds import SENTINEL_URL


class PrimaryConnection(SentinelManagedConnection):
    """A connection to a primary, which is lost when nobody follows that any more.

    Such a primary may have been replaced without knowing it; so the sentinels are asked again.
    """

    def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        # Else the second try of a command would go back to the server that the first has left.
        self.connect()
        super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        # As any other connection: kept, it would give the answer that came too late to the next
        # command.
        kwargs.setdefault("disconnect_on_error", True)
        try:
            return super().read_response(*args, **kwargs)
        except ResponseError as error:
            if not str(error).startswith("NOREPLICAS"):
                raise
            self.disconnect()
            raise Lost("nobody follows this primary") from error


class Sentinels(Sentinel):
    """Sentinels that are asked once: a client that tries again would add up their time-outs."""

    def discover_master(self, service_name: str) -> Any:
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError as error:
            raise TooLate("no sentinel knows the primary") from error

    def check_master_state(self, state: dict[str, Any], service_name: str) -> bool:
        # Who leads a failover names the old primary until all follow the new one, longer than the
        # other sentinels do.
        if "failover_in_progress" in state["flags"]:
            return False
        return bool(super().check_master_state(state, service_name))  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Watched:
    """A primary that sentinels watch, and may replace. They have its password."""

    sentinels: list[str]
    name: str
    database: int
    password: str

    @classmethod
    def at(cls, url: str) -> Self | None:
        """What the URL says of it; None where it names a server."""
        if found := SENTINEL_URL.fullmatch(url):
            sentinels, name, database, password = found.group("at", "name", "db", "password")
            return cls(sentinels.split(","), name, int(database or 0), password or "")
        return None

    def asking(self, options: dict[str, Any]) -> dict[str, Any]:
        """How to talk to the sentinels."""
        sockets = {name: value for name, value in options.items() if name.startswith("socket_")}
        return sockets | {
            "password": unquote(self.password) or None,
            "retry": Retry(NoBackoff(), 0),
        }


def client(url: str, **options: Any) -> Redis:
    """A client of the server, or of the primary; nothing is connected yet.

    :param options: redis-py's; those of sockets hold for the sentinels too.
    """
    watched = Watched.at(url)
    if not watched:
        return Redis.from_url(url, **options)
    sentinels = Sentinels(
        [tuple(address.split(":")) for address in watched.sentinels],
        sentinel_kwargs=watched.asking(options),
        password=unquote(watched.password) or None,
        db=watched.database,
        **options,
    )
    primary: Redis = sentinels.master_for(watched.name, connection_class=PrimaryConnection)
    return primary


def broker(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """What Celery is to be told of its broker.

    :param options: kombu's; those of sockets hold for the sentinels too.
    """
    watched = Watched.at(url)
    if not watched:
        return {"broker_url": url, "broker_transport_options": options}
    asking = {"master_name": watched.name, "sentinel_kwargs": watched.asking(options)}
    # Each has all of it, for Celery goes from one to the next.
    urls = [
        f"sentinel://:{watched.password}@{address}/{watched.database}"
        for address in watched.sentinels
    ]
    return {"broker_url": ";".join(urls), "broker_transport_options": options | asking}
