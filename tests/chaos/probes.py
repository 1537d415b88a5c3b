"""What tokens still do, asked of the service itself."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.chaos.story import Story
from tests.people import bearer

THREADS = 4


def faults(told: Iterable[Story], http: httpx.Client) -> Iterator[str]:
    """Tokens that work and should not, or the other way round."""
    with ThreadPoolExecutor(THREADS) as threads:
        for found in threads.map(lambda story: list(_faults(story, http)), told):
            yield from found


def _faults(story: Story, http: httpx.Client) -> Iterator[str]:
    for id_, lives in story.sessions.items():
        token = story.tokens[id_]["access_token"]
        status = http.get("/auth/me", headers=bearer(token)).status_code
        may_expire = status == 401 and story.allowed.tokens_expire
        if (status == 200) not in lives and not may_expire:
            yield f"an access token of {story.email} gives {status}, may live: {set(lives)}"
        if True not in lives:
            token = story.tokens[id_]["refresh_token"]
            yield from _refresh_with(token, "of a session that has ended", story, http)
    # Last, for each of them may end its session.
    for token in story.spent:
        yield from _refresh_with(token, "that was used up", story, http)


def _refresh_with(token: str, what: str, story: Story, http: httpx.Client) -> Iterator[str]:
    status = http.post("/auth/refresh", headers=bearer(token)).status_code
    if status != 401:
        yield f"a refresh token of {story.email} {what} gives {status}"
