"""A progress bar on everything that lasts."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import click

T = TypeVar("T")
WIDTH = 26


def counted(things: Iterable[T], label: str) -> Iterator[T]:
    """Give one after the other, and show how many are done."""
    with click.progressbar(things, label=label.capitalize().ljust(WIDTH), show_pos=True) as shown:
        yield from shown
