"""What is sent to the service, and the file that the generators of load read it from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

# No request has one: header lines and JSON write it otherwise.
END = b"\0"


@dataclass(frozen=True)
class Request:
    """One request: its body is JSON, its token that of whoever is signed in."""

    path: str
    method: str = "GET"
    token: str = ""
    body: Any = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that are not for the connection."""
        signed_in = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return signed_in | ({} if self.body is None else {"Content-Type": "application/json"})

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body).encode()

    def raw(self) -> bytes:
        """The request as it is sent."""
        headers = {"Host": "127.0.0.1"} | self.headers
        if self.body is not None:
            headers["Content-Length"] = str(len(self.content))
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.content


def write(requests: Sequence[Request], path: Path) -> None:
    """Put the requests into a file, in the order in which they are to be sent."""
    path.write_bytes(END.join(request.raw() for request in requests))


def read(path: Path) -> list[bytes]:
    """The requests of a file, as they are sent."""
    return path.read_bytes().split(END)


def look_up(email: str) -> Request:
    """Asks for somebody's code by their address."""
    return Request(f"/referral/code/by-email?email={quote(email)}")


def log_in(email: str, password: str) -> Request:
    """Opens a session."""
    return Request("/auth/login", "POST", body={"email": email, "password": password})


def register(email: str, password: str, code: str) -> Request:
    """Makes an account that joins the owner of the code."""
    body = {"email": email, "password": password, "referral_code": code}
    return Request("/auth/register", "POST", body=body)
