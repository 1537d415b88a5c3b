"""Threads of the system, for what would hold up everybody else.

The web server serves all requests of a process in one thread and turns to another one wherever one
waits for a socket. It cannot turn away from a computation, nor from a library that waits in C.
"""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from gevent.monkey import is_module_patched
from gevent.threadpool import ThreadPoolExecutor as NativeThreadPoolExecutor

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """As many threads; whoever awaits what one of them does lets others be served meanwhile."""

    def __init__(self, number: int) -> None:
        self._executor = _executor(number)

    def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the call gives or raises, made in one of the threads."""

        def attempt() -> tuple[R | None, Exception | None]:
            # gevent would write what is raised there to the log, with its arguments.
            try:
                return call(*args, **kwargs), None
            except Exception as error:
                return None, error

        value, error = self._executor.submit(attempt).result()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]


def _executor(number: int) -> Executor:
    # Commands, tests and the development server know threads of the system only.
    if is_module_patched("threading"):
        native: Executor = NativeThreadPoolExecutor(number)
        return native
    return ThreadPoolExecutor(number)
