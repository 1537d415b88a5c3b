"""Figures out of what was asked."""

from collections.abc import Iterable

from tests.chaos.journal import Entry


def p99(entries: Iterable[Entry]) -> float:
    """What 99 of 100 answers took at most, in seconds."""
    ordered = sorted(entry.took for entry in entries)
    return ordered[len(ordered) * 99 // 100] if ordered else 0
