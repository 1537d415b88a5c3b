"""The one door to web services outside: every call bounded in time, size and where it leads."""

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pycurl

from app import i_json
from app.clients import OutsideError

# As JSON writes it; after an even number of backslashes, for those are pairs.
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")

USER_AGENT = b"referral"
LARGEST_BODY = 256 * 1024

# CURLOPT_QUICK_EXIT, which pycurl has no name for. Without it libcurl ends a call in time and then
# waits for the look-up of the host all the same, until the resolver gives up.
QUICK_EXIT = 322

OUTCOMES_OF_CURL: dict[object, str] = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_RESOLVE_PROXY: "unreachable",
    pycurl.E_COULDNT_RESOLVE_HOST: "unreachable",
    pycurl.E_COULDNT_CONNECT: "unreachable",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CACERT_BADFILE: "tls",
    # Only a body that grows too large is not taken.
    pycurl.E_WRITE_ERROR: "too_large",
}
OUTCOMES_OF_STATUS = {
    # Both services: found out later, ask again. Hunter's own 222: the mail server did not tell.
    202: "pending",
    222: "pending",
    # About this question, and nothing about the service.
    400: "declined",
    422: "declined",
    451: "declined",
    401: "refused",
    403: "refused",
    402: "quota",
    429: "quota",
}


@dataclass(frozen=True)
class Answer:
    """What a service answered: the JSON of a 200; of any other status nothing else is read."""

    status: int
    body: Any

    def failure(self) -> OutsideError:
        """What it means that the status is none of those that were hoped for."""
        other = "redirected" if 300 <= self.status < 400 else "failed"
        return OutsideError(OUTCOMES_OF_STATUS.get(self.status, other))


def get_json(url: str, *, params: Mapping[str, str], token: str, seconds: float) -> Answer:
    """Ask a service over HTTP, giving the token as a bearer token (RFC 6750); follow no redirect.

    :param seconds: for all of it together: looking up the host, connecting, and every byte.
    :raises OutsideError: `timeout`, `unreachable`, `tls`, `too_large` (256 KiB), `malformed` (the
        body of a 200 is not the JSON that is read here), or `failed`.
    """
    body = bytearray()
    with closing(_prepare(_with_query(url, params), token, seconds)) as curl:
        curl.setopt(pycurl.WRITEFUNCTION, _taker(body))
        try:
            curl.perform()
        except pycurl.error as error:
            raise OutsideError(OUTCOMES_OF_CURL.get(error.args[0], "failed")) from None
        status = curl.getinfo(pycurl.RESPONSE_CODE)
    return Answer(status, _read_json(body) if status == 200 else None)


def _prepare(url: str, token: str, seconds: float) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url.encode())
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.USERAGENT, USER_AGENT)
    curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {token}".encode()])
    curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
    # The alarm that libcurl would set is for the whole process.
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(QUICK_EXIT, 1)
    # libcurl as the wheel has it looks where the system keeps its certificates, and only there.
    if certificates := os.environ.get("SSL_CERT_FILE"):
        curl.setopt(pycurl.CAINFO, os.fsencode(certificates))
    return curl


def _with_query(url: str, params: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(params)]))
    return parts._replace(query=query).geturl()


def _taker(body: bytearray) -> Callable[[bytes], int]:
    def take(chunk: bytes) -> int:
        if len(body) + len(chunk) > LARGEST_BODY:
            return 0
        body.extend(chunk)
        return len(chunk)

    return take


def _read_json(body: bytearray) -> Any:
    """:raises OutsideError: `malformed`: no I-JSON, or nothing that jsonb of PostgreSQL holds."""
    try:
        value = i_json.loads(body)
    except ValueError:
        raise OutsideError("malformed") from None
    if NUL.search(json.dumps(value)):
        raise OutsideError("malformed")
    return value
