"""Answers as gunicorn sends them."""

from collections.abc import Iterable

from gunicorn.http import wsgi

from app.headers import DEFAULTS

ALWAYS_THE_SAME = frozenset(DEFAULTS.items())


class Answer(wsgi.Response):
    """Of headers only those are looked at that are not the same in every answer.

    gunicorn looks in each for what would end it before its time. These are ours.
    """

    def process_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        given = list(headers)
        super().process_headers([each for each in given if each not in ALWAYS_THE_SAME])
        same = [each for each in given if each in ALWAYS_THE_SAME]
        self.headers = [*self.headers, *same]
