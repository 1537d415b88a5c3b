"""PostgreSQL with a streaming replica, and PgBouncer before both."""

import secrets
import subprocess
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Any

import psycopg2

from dev.postgres import takes_connections
from tests.system.programs import DEPLOY, HOST, Program

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())
SCALING = DEPLOY / "scaling"
# Tests need no disk that survives a power cut.
NOT_DURABLE = ("-c", "fsync=off", "-c", "full_page_writes=off")


class Postgres(Program):
    """A server, of which one is made from nothing and the other from it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "data"

    def command(self) -> list[str]:
        places = ("-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=")
        server = [str(BIN / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        return [*server, *places, *NOT_DURABLE]

    def is_ready(self) -> bool:
        return takes_connections(self.url("postgres", self.superuser_password, "postgres"))

    def url(self, user: str, password: str, database: str = "referral") -> str:
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"

    def run(self, statement: str, database: str = "referral") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; gives its rows."""
        url = self.url("postgres", self.superuser_password, database)
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def _call(self, program: str, *arguments: str, **environment: str) -> None:
        subprocess.run(
            [BIN / program, *arguments],
            cwd=self.folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
            **self.popen_options,
        )


class Primary(Postgres):
    """The one that is written to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.superuser_password = secrets.token_urlsafe(16)
        self.replication_password = secrets.token_urlsafe(16)
        self.password = secrets.token_urlsafe(16)

    def prepare(self) -> None:
        super().prepare()
        password_file = self.folder / "password"
        password_file.write_text(self.superuser_password)
        self.give(password_file)
        access = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={password_file}"]
        form = ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._call("initdb", "-D", str(self.data), *access, *form)
        settings = self.configure(SCALING / "postgresql.conf")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"include '{settings}'\n")

    def make_roles(self) -> None:
        """Make the roles and the database of the service."""
        statements = Template((SCALING / "roles.sql").read_text()).substitute(
            DATABASE_PASSWORD=self.password, REPLICATION_PASSWORD=self.replication_password
        )
        for statement in statements.split(";"):
            if statement.strip():
                self.run(statement, "postgres")


class Replica(Postgres):
    """The one that follows the primary."""

    def __init__(self, folder: Path, primary: Primary) -> None:
        super().__init__(folder)
        self._primary = primary
        self.superuser_password = primary.superuser_password

    def prepare(self) -> None:
        super().prepare()
        primary = self._primary
        source = primary.url("replicator", primary.replication_password, "replication")
        slot = ["--create-slot", "--slot=replica", "--write-recovery-conf"]
        quick = ["--checkpoint=fast", "--no-sync"]
        self._call("pg_basebackup", "-D", str(self.data), "-d", source, *slot, *quick)


class PgBouncer(Program):
    """The one door to both."""

    def __init__(self, folder: Path, primary: Primary, replica: Replica) -> None:
        super().__init__(folder)
        self._primary, self._replica = primary, replica

    def prepare(self) -> None:
        super().prepare()
        users = self.folder / "userlist.txt"
        users.write_text(f'"referral" "{self._primary.password}"\n')
        self.give(users)
        self._configuration = self.configure(
            SCALING / "pgbouncer.ini",
            PRIMARY_HOST=HOST,
            PRIMARY_PORT=self._primary.port,
            REPLICA_HOST=HOST,
            REPLICA_PORT=self._replica.port,
            PGBOUNCER_HOST=HOST,
            PGBOUNCER_PORT=self.port,
            USERLIST=users,
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/pgbouncer", str(self._configuration)]

    def is_ready(self) -> bool:
        return takes_connections(self.url())

    def url(self, database: str = "referral") -> str:
        return f"postgresql://referral:{self._primary.password}@{HOST}:{self.port}/{database}"
