"""Strict reading of JSON from outside: I-JSON (RFC 7493), of a sane depth."""

import json
from math import isfinite
from typing import Any

# Deeper than any body of this API or any profile by far, and far from what would exhaust a parser.
DEEPEST_NESTING = 32


def loads(data: bytes | bytearray) -> Any:
    """The value that stands there.

    :raises ValueError: it is not UTF-8 or not JSON, a key stands twice, a number is none or too
        large, there is a lone surrogate, or it is nested too deeply.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _refuse_odd(value)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key stands twice")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("not a number of JSON's")
    return number


def _refuse_odd(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST_NESTING):
        level = [item for parent in level for item in _items(parent)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        value.encode("utf-8")
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []
