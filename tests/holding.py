"""Stopping the service in the middle of a request, to look around meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from sqlalchemy import Engine, event

SECONDS = 10


@contextmanager
def held(
    engine: Engine, moment: str, wanted: Callable[..., bool], ask: Callable[[], Any]
) -> Iterator[Future[Any]]:
    """Ask in the background and hold the service, while the block runs, at this moment.

    :param moment: an event of SQLAlchemy's engine.
    :param wanted: whether it is this one, from what comes with the event.
    """
    reached, go_on = Event(), Event()

    def wait(*arguments: Any) -> None:
        if not reached.is_set() and wanted(*arguments):
            reached.set()
            go_on.wait(SECONDS)

    event.listen(engine, moment, wait)
    try:
        with ThreadPoolExecutor(1) as background:
            answer = background.submit(ask)
            try:
                assert reached.wait(SECONDS), f"there is no such {moment}"
                yield answer
            finally:
                go_on.set()
    finally:
        event.remove(engine, moment, wait)
