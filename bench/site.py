"""A database of a size, filled, and the settings of the service in front of it."""

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import redis

from bench.load import BenchError
from bench.measuring import Bench
from bench.servers import CHECKOUT, cache_number, settings_for
from dev.postgres import Postgres


@dataclass(frozen=True)
class Site:
    """A database and what leads to it."""

    settings: Path
    database: str
    cache: str
    users: int
    referrals: int

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the database and give its rows."""
        with closing(psycopg2.connect(self.database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def forget_copies(self) -> None:
        """Leave nothing in the cache."""
        with redis.Redis.from_url(self.cache) as client:
            client.flushdb()

    def flask(self, *arguments: str) -> None:
        """Run one of the service's own commands."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        environment = os.environ | {"REFERRAL_SETTINGS": str(self.settings)}
        run = subprocess.run(command, cwd=CHECKOUT, env=environment)
        if run.returncode:
            raise BenchError(f"flask {' '.join(arguments)} failed")


def make(name: str, users: int, referrals: int, bench: Bench, number: int) -> Site:
    """Create a database, migrate it, and fill it."""
    postgres, valkey = bench.backends.postgres.server, bench.backends.valkey.server
    database, cache = postgres.url(name), valkey.url(cache_number(number))
    settings = settings_for(bench.folder / f"{name}-settings", database, valkey, number)
    site = Site(settings, database, cache, users, referrals)
    _create_database(postgres, name)
    site.flask("db", "upgrade")
    site.flask("demo", f"--users={users}", f"--referrals={referrals}")
    # Or what the filling left to be written would be written while something is measured.
    site.rows("CHECKPOINT")
    return site


def _create_database(postgres: Postgres, name: str) -> None:
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
