"""What the mails say, in every language, and that no fact says anything else."""

import re
from datetime import datetime, timedelta, timezone
from string import Formatter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.emails import LANGUAGES, Kind, write
from app.emails.letters import WORDINGS
from tests.emails.reading import (
    FACTS,
    HOSTILE,
    LINK,
    NOON,
    Page,
    every_kind,
    every_language,
    letter,
    with_many_examples,
)

WRITTEN = {"en": "21 November 2026 at 12:00 UTC", "ru": "21 ноября 2026 г. в 12:00 UTC"}  # noqa: RUF001
# What a mail program can be trusted to show, and nothing that it would have to fetch.
TAGS = {"html", "head", "meta", "title", "body", "div", "p", "strong", "br", "a"}
TABLE = {"table", "tr", "td"}
UNRULY = "\r\n\t\x00\x1b\x7f\x85\u200f\u2028\u2029\u202e\u2066\u2069\ud800"

with_link = pytest.mark.parametrize("kind", [Kind.VERIFY_EMAIL, Kind.RESET_PASSWORD])
text_facts = pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in Kind for name, fact in FACTS[kind].items() if fact is not NOON],
)


def placeholders(words: dict[str, Any]) -> list[str]:
    parsed = Formatter().parse(" ".join(words["paragraphs"]))
    return sorted(name for _, name, _, _ in parsed if name is not None)


@every_kind
@every_language
def test_every_mail_tells_its_facts(kind: Kind, language: str) -> None:
    written = letter(kind, language)
    for fact in FACTS[kind].values():
        shown = WRITTEN[language] if isinstance(fact, datetime) else fact
        assert shown in written.text
        assert shown in Page(written.html).pieces


@every_kind
def test_every_language_has_its_own_words(kind: Kind) -> None:
    for part in ("subject", "text", "html"):
        assert len({getattr(letter(kind, language), part) for language in LANGUAGES}) == 2


@every_language
def test_every_language_words_every_kind_of_mail(language: str) -> None:
    assert WORDINGS[language].keys() == {"common", *Kind}


@every_kind
@every_language
def test_every_language_tells_the_same_facts_of_a_kind(kind: Kind, language: str) -> None:
    words = WORDINGS[language]
    assert words["common"].keys() == WORDINGS["en"]["common"].keys()
    assert words[kind].keys() == WORDINGS["en"][kind].keys()
    assert [*placeholders(words[kind]), *(["link"] if "button" in words[kind] else [])] == sorted(
        FACTS[kind]
    )


@every_language
def test_the_subject_tells_the_kinds_apart_and_holds_no_fact(language: str) -> None:
    subjects = {letter(kind, language).subject for kind in Kind}
    assert len(subjects) == len(Kind)
    for subject in subjects:
        assert subject == subject.strip()
        assert 0 < len(subject) < 60
        assert not set("{}\r\n") & set(subject)


@every_kind
@every_language
def test_the_letter_says_in_which_language_it_is(kind: Kind, language: str) -> None:
    written = letter(kind, language)
    assert written.language == language
    tags = dict(Page(written.html).tags)
    assert tags["html"]["lang"] == tags["div"]["lang"] == language


@pytest.mark.parametrize("language", ["de", "", "RU", "../ru"])
def test_who_reads_another_language_reads_english(language: str) -> None:
    assert letter(Kind.JOINED, language) == letter(Kind.JOINED, "en")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in Kind for name in FACTS[kind]])
def test_no_mail_is_written_without_one_of_its_facts(kind: Kind, name: str) -> None:
    others = {other: fact for other, fact in FACTS[kind].items() if other != name}
    with pytest.raises(KeyError):
        write(kind, "en", **others)


@every_language
def test_a_moment_is_told_in_utc(language: str) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert WRITTEN[language] in letter(Kind.PASSWORD_CHANGED, language, changed_at=elsewhere).text


@with_link
@every_language
def test_the_link_has_a_line_of_its_own(kind: Kind, language: str) -> None:
    assert LINK in letter(kind, language).text.splitlines()


@with_link
@every_language
def test_the_link_is_a_button_and_is_written_out_below_it(kind: Kind, language: str) -> None:
    page = Page(letter(kind, language).html)
    assert page.links == [LINK, LINK]
    button, written_out = page.pieces.index(WORDINGS[language][kind]["button"]), LINK
    assert written_out in page.pieces[button:]


@every_kind
@every_language
def test_a_mail_fetches_nothing_and_runs_nothing(kind: Kind, language: str) -> None:
    page = Page(letter(kind, language).html)
    linked = "link" in FACTS[kind]
    assert set(page.names) <= (TAGS | TABLE if linked else TAGS)
    assert page.links == ([LINK, LINK] if linked else [])
    for tag, attributes in page.tags:
        assert not {"src", "class", "id", "background"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
        assert "url(" not in (attributes.get("style") or ""), tag


@text_facts
@every_language
@pytest.mark.parametrize("value", HOSTILE)
def test_no_hostile_fact_changes_anything_around_it(
    kind: Kind, name: str, language: str, value: str
) -> None:
    assert_only_this_fact_differs(kind, language, name, value)


@given(st.sampled_from(Kind), st.sampled_from(LANGUAGES), st.text(st.characters()))
@example(Kind.JOINED, "en", "")
@with_many_examples
def test_no_fact_changes_anything_around_it(kind: Kind, language: str, value: str) -> None:
    for name, fact in FACTS[kind].items():
        if fact is not NOON:
            assert_only_this_fact_differs(kind, language, name, value)


def assert_only_this_fact_differs(kind: Kind, language: str, name: str, value: str) -> None:
    mark = "\ue000"
    marked, written = (letter(kind, language, **{name: fact}) for fact in (mark, value))
    shown = shown_as(value)
    assert written.subject == marked.subject
    assert written.text == marked.text.replace(mark, shown)
    before, after = Page(marked.html), Page(written.html)
    assert after.names == before.names
    assert "".join(after.pieces) == "".join(before.pieces).replace(mark, shown)
    for (_, meant), (_, found) in zip(before.tags, after.tags, strict=True):
        assert found == {key: (text or "").replace(mark, shown) for key, text in meant.items()}


def shown_as(value: str) -> str:
    """Nobody's address has what is replaced here."""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
        "\ufffd",
        value,
    )


@pytest.mark.parametrize("character", UNRULY)
def test_what_would_end_a_line_or_turn_the_text_is_not_let_through(character: str) -> None:
    written = letter(Kind.JOINED, email=f"a{character}b@example.com")
    assert "a\ufffdb@example.com joined" in written.text
    assert "a\ufffdb@example.com" in Page(written.html).pieces


@pytest.mark.parametrize(
    "address",
    ["д'артаньян@пример.рф", "\u0dc1\u0dca\u200d\u0dbb\u0dd3@example.lk", "a{b}`c`$d@x.com"],
)
def test_an_address_stands_in_the_mail_as_it_is(address: str) -> None:
    written = letter(Kind.JOINED, email=address)
    assert f" {address} joined" in written.text
    assert address in Page(written.html).pieces
