"""What the mails say. A translator finds the words in `wordings`, the design in the layouts."""

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto
from pathlib import Path
from typing import Any

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

# The first is for everybody else.
LANGUAGES = ("en", "ru")

FOLDER = Path(__file__).parent
WORDINGS = {
    language: tomllib.loads((FOLDER / "wordings" / f"{language}.toml").read_text(encoding="utf-8"))
    for language in LANGUAGES
}
LAYOUTS = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
# An address may be in a script that runs the other way; the sentence around it does not turn.
FACT = Markup('<strong dir="auto">{}</strong>')
# What would end a line or turn the text around it (Unicode, UAX 9 and 14), or is no character.
UNRULY = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Kind(StrEnum):
    """What a mail is about."""

    JOINED = auto()
    REFERRAL_CODE = auto()
    VERIFY_EMAIL = auto()
    RESET_PASSWORD = auto()
    PASSWORD_CHANGED = auto()


@dataclass(frozen=True)
class Letter:
    """A mail that has been written and not been addressed. No fact is in its subject."""

    language: str
    subject: str
    text: str
    html: str


def write(kind: Kind, language: str, **facts: str | datetime) -> Letter:
    """What a mail of this kind says, in this language or else in the first there is.

    :param facts: what it tells, by the names that stand in the wordings, and `link` for the button.
    :raises KeyError: a fact is missing.
    """
    language = language if language in LANGUAGES else LANGUAGES[0]
    common, words = WORDINGS[language]["common"], WORDINGS[language][kind]
    shown = {name: _shown(fact, language) for name, fact in facts.items()}
    layout = {
        **common,
        "language": language,
        "subject": words["subject"],
        "button": words.get("button"),
        "link": shown["link"] if "button" in words else None,
    }
    return Letter(
        language,
        words["subject"],
        text=_lay_out("text", layout, _in_text(words["paragraphs"], shown)),
        html=_lay_out("html", layout, _in_html(words["paragraphs"], shown)),
    )


def _shown(fact: str | datetime, language: str) -> str:
    if isinstance(fact, datetime):
        pattern = WORDINGS[language]["common"]["moment"]
        return format_datetime(fact, pattern, tzinfo=UTC, locale=language)
    return UNRULY.sub("\N{REPLACEMENT CHARACTER}", fact)


def _in_text(paragraphs: list[str], facts: dict[str, str]) -> list[str]:
    return [paragraph.format(**facts) for paragraph in paragraphs]


def _in_html(paragraphs: list[str], facts: dict[str, str]) -> list[str]:
    marked = {name: FACT.format(fact) for name, fact in facts.items()}
    return [escape(paragraph).format(**marked) for paragraph in paragraphs]


def _lay_out(form: str, layout: dict[str, Any], paragraphs: list[str]) -> str:
    first, *others = paragraphs
    return LAYOUTS.get_template(f"layout.{form}").render(layout, first=first, others=others)
