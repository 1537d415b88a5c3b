"""What it was measured on, and with which versions."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil
import redis

from bench.load import has_wrk
from bench.servers import Backends
from bench.site import Site

PACKAGES = ("gunicorn", "gevent", "flask", "sqlalchemy", "psycopg2-binary", "redis", "argon2-cffi")
GIB = 1024**3


def machine() -> dict[str, str]:
    """The machine, without its name."""
    return {
        "CPU": _cpu_model(),
        "Cores": str(os.cpu_count()),
        "Memory": f"{psutil.virtual_memory().total / GIB:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def versions(site: Site, backends: Backends) -> dict[str, str]:
    """The versions of what takes part."""
    with redis.Redis.from_url(backends.valkey.server.url()) as client:
        valkey = client.info("server")["valkey_version"]
    return {
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "PostgreSQL": site.rows("SHOW server_version")[0][0],
        "Valkey": valkey,
        "wrk": _wrk(),
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _wrk() -> str:
    if not has_wrk():
        return "none; a generator in Python"
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True)
    return (said.stdout + said.stderr).split()[1]
