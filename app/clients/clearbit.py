"""Clearbit, which knows something of the person and the company behind an address."""

import json
from typing import Any

from app.clients import OutsideError

# About this address, for ever: to ask again would be of no use.
NOTHING_TO_TELL = (400, 404, 422, 451)
LARGEST_PROFILE = 64 * 1024


class Clearbit:
    """Clearbit's combined find call (version 2 of its API).

    All there is to it: another provider takes its place with a class that has this `find`.
    """

    seconds = 10.0

    def __init__(self, api_key: str, url: str) -> None:
        self._api_key = api_key
        self._url = url

    def find(self, email: str) -> dict[str, Any] | None:
        """The profile, `{"person": {…} or None, "company": {…} or None}`; None: nothing is known.

        :raises OutsideError: there is no answer; `pending`: ask again later; `too_large`: the
            profile is longer than 64 KiB.
        """
        # Only the worker asks: libcurl takes 5 MiB, of each process that it is loaded into.
        from app.clients.http import get_json

        params = {"email": email}
        answer = get_json(self._url, params=params, token=self._api_key, seconds=self.seconds)
        if answer.status in NOTHING_TO_TELL:
            return None
        if answer.status != 200:
            raise answer.failure()
        return _profile(answer.body)


def _profile(body: Any) -> dict[str, Any] | None:
    if not isinstance(body, dict):
        raise OutsideError("malformed")
    profile = {key: body.get(key) for key in ("person", "company")}
    known = [part for part in profile.values() if part is not None]
    if not all(isinstance(part, dict) for part in known):
        raise OutsideError("malformed")
    if len(json.dumps(profile, ensure_ascii=False).encode()) > LARGEST_PROFILE:
        raise OutsideError("too_large")
    return profile if known else None
