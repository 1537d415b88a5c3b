"""Letters to read, and reading them as a mail program does."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import settings

from app.emails import LANGUAGES, Kind, Letter, write

NOON = datetime(2026, 11, 21, 12, 0, 30, 5, tzinfo=UTC)
LINK = "https://example.com/app/reset-password#token=a-b_c.d"
FACTS: dict[Kind, dict[str, str | datetime]] = {
    Kind.JOINED: {"email": "grace@example.com", "code": "SUMMER-26", "joined_at": NOON},
    Kind.REFERRAL_CODE: {"code": "SUMMER-26", "expires_at": NOON},
    Kind.VERIFY_EMAIL: {"link": LINK},
    Kind.RESET_PASSWORD: {"link": LINK},
    Kind.PASSWORD_CHANGED: {"changed_at": NOON},
}

# What has broken templates, headers and pages before.
HOSTILE = [
    "a\r\nBcc: victim@example.com",
    "a\n\n--=_boundary",
    "<script>alert(1)</script>",
    "</strong><img src=//example.com>",
    "\"'><b onclick='a()'>",
    "{0}",
    "{code}",
    "{email.__class__.__mro__}",
    "{{ 7*7 }}{% if x %}{# y #}",
    "%s%(code)s%%",
    "$code ${code}",
    "&lt;&amp;&#60;",
    "=?utf-8?q?=0d=0aBcc=3a_victim?=",
    "\\g<0>\\1\\n",
    "\u202emoc.elpmaxe\u202c",
    "\u0645\u062b\u0627\u0644@\u0645\u062b\u0627\u0644",
    "\x00\x07\x1b[2J\x85\u2028\u2029",
    "\ud800",
    "x" * 254,
]

every_kind = pytest.mark.parametrize("kind", Kind)
every_language = pytest.mark.parametrize("language", LANGUAGES)
with_many_examples = settings(database=None, max_examples=150)


def letter(kind: Kind, language: str = "en", **other_facts: str | datetime) -> Letter:
    return write(kind, language, **(FACTS[kind] | other_facts))


class Page(HTMLParser):
    """A page: its tags with their attributes, and what can be read, piece by piece."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text: str) -> None:
        self.pieces.append(text)

    def handle_comment(self, text: str) -> None:
        self.tags.append(("comment", {}))

    @property
    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    @property
    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]
