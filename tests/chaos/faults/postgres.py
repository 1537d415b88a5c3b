"""PostgreSQL crashes, freezes, and is cut off."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import choice
from urllib.parse import urlsplit

from tests.chaos.clients import Client
from tests.chaos.fault import Fault, Round
from tests.chaos.proxy import Proxy
from tests.chaos.world import Environment, World

# Each process that sends may have handed a mail over and not have noted it.
SENDERS = 4
REGISTRATIONS = 500
FROZEN_SECONDS = 20
LOSING_SECONDS = 5
READ_ONLY_SECONDS = 5
# The service gives a frozen PostgreSQL this long, and a little for the way.
DEADLINE_SECONDS = 7

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'referral'"


class PostgresFault(Fault):
    """What was handed to the mail server and could not be noted is sent once more."""

    most_doubles = SENDERS

    def may_double(self, round_: Round) -> set[str]:
        doubles = round_.sent.doubles
        return doubles if len(doubles) <= self.most_doubles else set()


class Crash(PostgresFault):
    name = "PostgreSQL crashes"
    how = f"SIGKILL to the postmaster under {REGISTRATIONS} registrations with a code"
    acts = (Client.register_with_a_code,)
    clients = 16
    before = after = REGISTRATIONS // 2
    recovers_within = 30

    def strike(self, world: World) -> None:
        world.kill("postgres")


class BackendCrash(PostgresFault):
    name = "one backend crashes"
    how = "SIGKILL to a backend of the service's"

    def strike(self, world: World) -> None:
        (pid,) = choice(world.sql(BACKENDS))
        os.kill(pid, signal.SIGKILL)


class CommitReplyLost(PostgresFault):
    name = "the reply to COMMIT is lost"
    how = (
        f"a proxy resets at every third COMMIT, before or after it is done, for {LOSING_SECONDS} s"
    )

    @contextmanager
    def world(self, folder: Path) -> Iterator[World]:
        with Proxy() as self._proxy, World(folder, self._through_the_proxy) as world:
            yield world

    def strike(self, world: World) -> None:
        before = self._proxy.lost
        self._proxy.losing.set()
        time.sleep(LOSING_SECONDS)
        self._proxy.losing.clear()
        self.most_doubles = self._proxy.lost - before

    def check(self, round_: Round) -> Iterator[str]:
        if not self.most_doubles:
            yield "no COMMIT was lost"

    def _through_the_proxy(self, environment: Environment) -> Environment:
        settings = json.loads(Path(environment["REFERRAL_SETTINGS"]).read_text())
        url: str = settings["SQLALCHEMY_DATABASE_URI"]
        self._proxy.target = urlsplit(url).port or 0
        through = url.replace(f":{self._proxy.target}/", f":{self._proxy.port}/")
        return {"REFERRAL_SQLALCHEMY_DATABASE_URI": through}


class ReadOnly(PostgresFault):
    name = "PostgreSQL only reads"
    how = f"`default_transaction_read_only` for {READ_ONLY_SECONDS} s, as before a failover is over"

    def strike(self, world: World) -> None:
        set_read_only(world, "on")
        time.sleep(READ_ONLY_SECONDS)
        set_read_only(world, "off")


class Freeze(PostgresFault):
    name = "PostgreSQL freezes"
    how = f"SIGSTOP to all its processes for {FROZEN_SECONDS} s"

    def strike(self, world: World) -> None:
        self._workers = {process.pid for process in world.processes("web")}
        with world.frozen("postgres"):
            time.sleep(FROZEN_SECONDS)

    def check(self, round_: Round) -> Iterator[str]:
        for entry in round_.during:
            if entry.took > DEADLINE_SECONDS:
                yield f"was not bounded: {entry}, {entry.took:.1f} s"
        if self._workers != {process.pid for process in round_.world.processes("web")}:
            yield "a worker of gunicorn's has not survived"


def set_read_only(world: World, value: str) -> None:
    world.sql(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    world.sql("SELECT pg_reload_conf()")
