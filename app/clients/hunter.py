"""Hunter, who knows whether mail to an address arrives."""

from app.clients import OutsideError

VERDICTS = frozenset({"valid", "invalid", "accept_all", "webmail", "disposable", "unknown"})


class Hunter:
    """Hunter's e-mail verifier (version 2 of its API)."""

    # A person waits meanwhile.
    seconds = 2.0

    def __init__(self, api_key: str, url: str) -> None:
        self._api_key = api_key
        self._url = url

    def verdict(self, email: str) -> str:
        """What Hunter holds of the address: one of `VERDICTS`, or a newer word of Hunter's.

        :raises OutsideError: there is no verdict; `pending` if there may be one later, `declined`
            if Hunter gives none of this address.
        """
        # libcurl takes 5 MiB, of each process that it is loaded into.
        from app.clients.http import get_json

        params = {"email": email}
        answer = get_json(self._url, params=params, token=self._api_key, seconds=self.seconds)
        if answer.status != 200:
            raise answer.failure()
        match answer.body:
            case {"data": {"status": str(status)}}:
                return status
        raise OutsideError("malformed")
