"""Asks a service whose host nobody tells: run it with a network and file system of its own."""

import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from struct import pack
from tempfile import NamedTemporaryFile
from time import monotonic

from app.clients import OutsideError
from app.clients.http import get_json

SET_FLAGS, UP = 0x8914, 0x1


def replace(path: str, content: str) -> None:
    """Put another file in the place of this one, for this process only."""
    if Path(path).exists():
        with NamedTemporaryFile("w") as file:
            file.write(content)
            file.flush()
            subprocess.run(["mount", "--bind", file.name, path], check=True)


with socket(AF_INET, SOCK_DGRAM) as name_server:
    ioctl(name_server, SET_FLAGS, pack("16sh14x", b"lo", UP))
    name_server.bind(("127.0.0.1", 53))
    replace("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    replace("/etc/nsswitch.conf", "hosts: dns\n")
    started = monotonic()
    try:
        get_json("http://service.example.com", params={}, token="", seconds=0.3)
    except OutsideError as error:
        took = "in time" if monotonic() - started < 2 else "too late"
        sys.stdout.write(f"{error.outcome} {took}\n")
