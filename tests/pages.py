"""Reading lists page by page, as clients do."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from tests.people import Person

FAR_TOO_MANY = 1000


def pages(reader: Person, path: str, **params: Any) -> Iterator[dict[str, Any]]:
    """Give one page after the other, each asked for only when it is wanted."""
    for _ in range(FAR_TOO_MANY):
        response = reader.get(path, **params)
        assert response.status_code == 200, response.text
        yield response.json()
        params["cursor"] = response.json()["next_cursor"]
        if params["cursor"] is None:
            return
    raise AssertionError(f"{path} never ends")


def rows(reader: Person, path: str, **params: Any) -> list[dict[str, Any]]:
    """Give all rows of the list, in their order."""
    noun = path.split("/")[2]
    return list(chain.from_iterable(page[noun] for page in pages(reader, path, **params)))


def ids(reader: Person, path: str, **params: Any) -> list[int]:
    """Give the ids of all rows of the list, in their order."""
    return [row["id"] for row in rows(reader, path, **params)]
