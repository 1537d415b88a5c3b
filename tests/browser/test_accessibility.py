"""What everybody needs of a page of ours: by ear, by keyboard, on a phone, in the dark."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from app.emails import LANGUAGES
from tests.browser.conftest import OpenTab

PAGES = {
    "setting a password": "/reset-password#token=any",
    "asking for a link": "/reset-password",
    "a link to verify that is none": "/verify-email#token=any",
    "verifying without a link": "/verify-email",
    "the mailbox": "/mailbox",
}
SOMETHING = re.compile(r"\S")
NARROW = {"width": 320, "height": 568}
HAS_OUTLINE = "element => getComputedStyle(element).outlineStyle !== 'none'"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
# Texts whose contrast is below 4.5 to 1, as WCAG 2.2 reckons it in 1.4.3.
FAINT_TEXTS = """() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const luminance = (color) => {
        const [red, green, blue] = channels(color).map((part) => linear(part / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        return channels(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
    };
    const contrast = (element) => {
        const colors = [getComputedStyle(element).color, behind(element)];
        const [dark, light] = colors.map(luminance).sort((one, other) => one - other);
        return (light + 0.05) / (dark + 0.05);
    };
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    return [...document.body.querySelectorAll("*")]
        .filter((element) => element.checkVisibility() && [...element.childNodes].some(isText))
        .filter((element) => contrast(element) < 4.5)
        .map((element) => element.textContent);
}"""

every_page = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)


@every_page
def test_a_page_names_its_language_its_main_part_and_its_controls(
    open_tab: OpenTab, path: str
) -> None:
    page = open_tab(path).at_rest()
    expect(page).to_have_title(SOMETHING)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
    for control in controls(page):
        expect(control).to_have_accessible_name(SOMETHING)


@every_page
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    open_tab: OpenTab, path: str
) -> None:
    page = open_tab(path).at_rest()
    for control in controls(page):
        page.keyboard.press("Tab")
        expect(control).to_be_focused()
        assert control.evaluate(HAS_OUTLINE)


@every_page
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_scrolls_sideways_on_a_small_phone(
    open_tab: OpenTab, path: str, language: str
) -> None:
    page = open_tab(path, viewport=NARROW, locale=language).at_rest()
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]


@every_page
def test_every_text_stands_out_by_day_and_by_night(open_tab: OpenTab, path: str) -> None:
    page = open_tab(path, color_scheme="light").at_rest()
    by_day = page.evaluate(BACKGROUND)
    assert page.evaluate(FAINT_TEXTS) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(BACKGROUND) != by_day
    assert page.evaluate(FAINT_TEXTS) == []


def controls(page: Page) -> list[Locator]:
    return page.locator(":is(input, button, a):visible").all()
