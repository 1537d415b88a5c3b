"""The web part: once PostgreSQL serves, migrate, then become gunicorn."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from dev.postgres import takes_connections
from dev.waiting import wait_until


def main() -> None:
    settings = json.loads(Path(os.environ["REFERRAL_SETTINGS"]).read_text())
    database = settings["SQLALCHEMY_DATABASE_URI"]
    wait_until(lambda: takes_connections(database), "PostgreSQL", seconds=math.inf)
    _migrate()
    address = f"127.0.0.1:{os.environ['PORT']}"
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", address, "wsgi:app"]
    os.execv(sys.executable, gunicorn)


def _migrate() -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    failure = subprocess.run(command).returncode
    if failure:
        sys.exit(failure)


if __name__ == "__main__":
    main()
