"""The pages that mailed links lead to, as far as can be seen without a browser."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from flask import Flask

from app.api.account_pages import WORDINGS
from app.schemas.base import LONGEST_PASSWORD, SHORTEST_PASSWORD
from tests.api.test_documentation_pages import References, policy_of

PAGES = {"reset_password": "/reset-password", "verify_email": "/verify-email"}
LANGUAGES = list(WORDINGS)

every_page = pytest.mark.parametrize("name", PAGES)
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


@every_page
def test_a_page_is_html_that_no_cache_keeps_for_another_language(
    http: httpx.Client, name: str
) -> None:
    response = http.get(PAGES[name])
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Vary"] == "Accept-Language"


@every_page
def test_a_page_tells_no_other_site_where_somebody_came_from(http: httpx.Client, name: str) -> None:
    headers = http.get(PAGES[name]).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


@every_page
def test_a_page_may_use_nothing_but_files_and_routes_of_this_server(
    http: httpx.Client, name: str
) -> None:
    assert policy_of(http.get(PAGES[name])) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


@every_page
def test_a_page_has_no_script_or_style_in_place(http: httpx.Client, name: str) -> None:
    assert References(http.get(PAGES[name]).text).inline == []


@every_page
def test_everything_a_page_names_is_served(http: httpx.Client, name: str) -> None:
    found = References(http.get(PAGES[name]).text).found
    assert found == {"static/account.css", f"static/{name}.js"}
    for reference in found:
        assert http.get(f"/{reference}").status_code == 200


@every_page
def test_everything_a_script_imports_is_served(http: httpx.Client, name: str) -> None:
    imported = re.findall(r'from "(.+?)"', script(http, name))
    assert imported == ["./account.js"]
    assert http.get(urljoin("/static/", imported[0])).status_code == 200


@every_page
def test_a_page_is_the_same_below_a_prefix(app: Flask, http: httpx.Client, name: str) -> None:
    below = app.test_client().get(PAGES[name], base_url="https://x.example/referral")
    assert below.text == http.get(PAGES[name]).text


@every_page
def test_a_script_sends_to_routes_beside_its_page(http: httpx.Client, name: str) -> None:
    paths = re.findall(r'post\("(.+?)"', script(http, name))
    assert paths
    for path in paths:
        assert path.startswith("auth/")
        assert http.post(f"/{path}", json={}).status_code == 422


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ({}, "en"),
        ({"Accept-Language": "ru"}, "ru"),
        ({"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}, "ru"),
        ({"Accept-Language": "en;q=0.5,ru;q=0.6"}, "ru"),
        ({"Accept-Language": "en-GB,ru;q=0.5"}, "en"),
        ({"Accept-Language": "RU-ru,en;q=0.5"}, "ru"),
        ({"Accept-Language": "ru;q=0,*"}, "en"),
        ({"Accept-Language": "de,fr;q=0.5"}, "en"),
        ({"Accept-Language": "%%%,;q=x"}, "en"),
    ],
)
@every_page
def test_a_page_is_in_the_language_the_browser_likes_best(
    http: httpx.Client, name: str, accepted: dict[str, str], language: str
) -> None:
    page = http.get(PAGES[name], headers=accepted).text
    assert f'<html lang="{language}">' in page
    assert f"<title>{WORDINGS[language][name]['title']}</title>" in page


@every_page
@in_every_language
def test_a_page_holds_every_message_of_its_own(
    http: httpx.Client, name: str, language: str
) -> None:
    page = unescape(page_in(http, name, language))
    for _, message in leaves(
        {"common": WORDINGS[language]["common"], name: WORDINGS[language][name]}
    ):
        assert message in page


@every_page
@in_every_language
def test_no_message_is_missing_from_a_page(http: httpx.Client, name: str, language: str) -> None:
    page = page_in(http, name, language)
    # Only the places for what went wrong are empty at first.
    assert not re.findall(r'<(\w+)(?! class="wrong")[^<>]*>\s*</(?!script)\1>', page)
    assert '=""' not in page


@in_every_language
def test_a_language_has_the_messages_of_every_other(language: str) -> None:
    assert dict(leaves(WORDINGS[language])).keys() == dict(leaves(WORDINGS["en"])).keys()
    assert all(message.strip() for _, message in leaves(WORDINGS[language]))


@in_every_language
def test_the_wait_has_a_place_in_the_message(language: str) -> None:
    assert WORDINGS[language]["common"]["later"].count("{when}") == 1


@in_every_language
def test_the_lengths_a_page_names_are_those_that_are_accepted(language: str) -> None:
    words = WORDINGS[language]["reset_password"]["choose"]
    shortest, longest = str(SHORTEST_PASSWORD), str(LONGEST_PASSWORD)
    assert re.findall(r"\d+", words["text"]) == [shortest, longest]
    assert re.findall(r"\d+", words["too_short"]) == [shortest]
    assert re.findall(r"\d+", words["too_long"]) == [longest]


def test_the_field_has_the_lengths_that_are_accepted_and_cuts_nothing_off(
    http: httpx.Client,
) -> None:
    page = http.get("/reset-password").text
    assert f'minlength="{SHORTEST_PASSWORD}" data-longest="{LONGEST_PASSWORD}"' in page
    assert "maxlength" not in page


def test_the_script_knows_the_refusal_of_a_common_password(http: httpx.Client) -> None:
    person = {"email": "ada@example.com", "password": "password1"}
    message = http.post("/auth/register", json=person).json()["errors"]["password"][0]
    known = re.search(r"/(.+?)/\.test\(message\)", script(http, "reset_password"))
    assert known
    assert re.search(known[1], message)


@every_page
def test_a_script_shows_every_part_of_its_page_and_no_other(http: httpx.Client, name: str) -> None:
    shown = re.findall(r'show\("([^)]+)"\)', script(http, name))
    parts = re.findall(r'<section id="(.+?)" hidden>', http.get(PAGES[name]).text)
    assert {part for parts in shown for part in parts.split('", "')} == set(parts)


@every_page
def test_everything_a_script_looks_for_is_in_its_page(http: httpx.Client, name: str) -> None:
    page, code = http.get(PAGES[name]).text, script(http, name) + script(http, "account")
    for part in re.findall(r'getElementById\("(.+?)"\)', code):
        assert f'id="{part}"' in page
    for key in re.findall(r"dataset\.(\w+)", code):
        attribute = re.sub("([A-Z])", r"-\1", key).lower()
        assert f"data-{attribute}=" in page


@every_page
def test_nothing_in_the_address_changes_a_page(http: httpx.Client, name: str) -> None:
    assert http.get(f"{PAGES[name]}?token=evil").content == http.get(PAGES[name]).content


@every_page
def test_a_page_says_that_it_needs_script(http: httpx.Client, name: str) -> None:
    message = WORDINGS["en"]["common"]["needs_script"]
    assert f"<noscript><p>{message}</p></noscript>" in http.get(PAGES[name]).text


def page_in(http: httpx.Client, name: str, language: str) -> str:
    return http.get(PAGES[name], headers={"Accept-Language": language}).text


def script(http: httpx.Client, name: str) -> str:
    response = http.get(f"/static/{name}.js")
    assert response.headers["Content-Type"].startswith("text/javascript")
    return response.text


def leaves(words: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every message, and where it stands."""
    for key, value in words.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
