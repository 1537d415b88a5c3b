"""`python answers.py SOCKET PATH`: whether a server on a Unix socket answers there, for Docker."""

import sys
from http.client import HTTPConnection, HTTPException
from socket import AF_UNIX, socket

SECONDS = 4


def answers(path: str, url: str) -> bool:
    """Tell whether a GET is answered with success."""
    connection = HTTPConnection("localhost")
    try:
        with socket(AF_UNIX) as connection.sock:
            connection.sock.settimeout(SECONDS)
            connection.sock.connect(path)
            connection.request("GET", url)
            return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(not answers(*sys.argv[1:]))
