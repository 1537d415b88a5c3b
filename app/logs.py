"""Where the service says what it does: one line an event, with the request it belongs to.

What an exception says may be what somebody sent. So no line repeats it, whichever library writes
that line: only the exception's type is told, and where it was raised.

Nothing else of ours is imported here, for gunicorn's master reads this file as well.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from copy import copy
from itertools import islice
from logging.config import dictConfig
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

CHECKOUT = f"{Path(__file__).parent.parent}/"
PACKAGES = "/site-packages/"
LONGEST_CHAIN = 10

# Of everybody else only what is amiss. SQLAlchemy would write down rows, and tornado, which serves
# Flower, the queries of requests.
LEVELS = {
    "app": "INFO",
    "alembic": "INFO",
    "alembic.runtime.plugins": "WARNING",
    "sqlalchemy": "WARNING",
    "tornado": "ERROR",
}

JSON_FIELDS = {"asctime": "time", "levelname": "level", "name": "logger", "message": "message"}
READABLE = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def request_id() -> str | None:
    """The id of the request that gave rise to what is being done."""
    return _request_id.get()


def attribute_to(id_: str | None) -> None:
    """Have it known from now on that what is done goes back to this request, or to none."""
    _request_id.set(id_)


class Discreet(logging.Formatter):
    """Puts the request's id on a line, and names exceptions by their types only."""

    # RFC 3339 in UTC.
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        told = copy(record)
        if id_ := request_id():
            told.request_id = id_
        told.msg, told.args = _named(record.msg), _all_named(record.args)
        if record.exc_info and record.exc_info[1]:
            told.exception = [_described(error) for error in _chain(record.exc_info[1])]
        told.exc_info = told.exc_text = told.stack_info = None
        return super().format(told)


class JsonLines(Discreet, JsonFormatter):
    """For programs: each line is a JSON object."""

    def __init__(self) -> None:
        super().__init__(
            list(JSON_FIELDS),
            rename_fields=JSON_FIELDS,
            # Where Celery repeats the exception, and the arguments of the call.
            reserved_attrs=[*RESERVED_ATTRS, "data"],
        )


class ReadableLines(Discreet):
    """For people: what belongs to a line stands indented below it."""

    def __init__(self) -> None:
        super().__init__(READABLE, defaults={"request_id": "-"})

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        lines = super().formatMessage(record).splitlines()
        for error in getattr(record, "exception", ()):
            lines += [error["type"], *(f"  {frame}" for frame in error["stack"])]
        return "\n    ".join(lines)


def formatter(development: bool) -> logging.Formatter:
    """What makes the lines of this process."""
    return ReadableLines() if development else JsonLines()


def init_logs(development: bool) -> None:
    """Log to standard error, all libraries and warnings and whatever ends the process included."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": formatter, "development": development}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {name: {"level": level} for name, level in LEVELS.items()},
        }
    )
    logging.captureWarnings(True)
    # A line that cannot be made would be told of with its arguments.
    logging.raiseExceptions = development
    sys.excepthook = _log_the_end


def _log_the_end(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.getLogger("app").critical("The process ends", exc_info=(kind, error, traceback))


def _named(value: Any) -> Any:
    return _type(value) if isinstance(value, BaseException) else value


def _all_named(args: Any) -> Any:
    if isinstance(args, dict):
        return {key: _named(value) for key, value in args.items()}
    return tuple(map(_named, args or ()))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and so on."""

    def follow(each: BaseException | None) -> Iterator[BaseException]:
        while each is not None:
            yield each
            each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)

    # It may go round in circles.
    return islice(follow(error), LONGEST_CHAIN)


def _described(error: BaseException) -> dict[str, Any]:
    return {"type": _type(error), "stack": _stack(error)}


def _type(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _stack(error: BaseException) -> list[str]:
    """Where it was raised, and before it the lines of ours that led there."""
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in walk_tb(error.__traceback__)
    ]
    return [
        f"{_short(file)}:{line}:{name}"
        for file, line, name in [*filter(_is_ours, frames[:-1]), *frames[-1:]]
    ]


def _is_ours(frame: tuple[str, int, str]) -> bool:
    return frame[0].startswith(CHECKOUT) and PACKAGES not in frame[0]


def _short(file: str) -> str:
    return file.rpartition(PACKAGES)[2].removeprefix(CHECKOUT)
