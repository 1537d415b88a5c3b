"""The pictures of the README: `make screenshots` takes them anew."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.swagger import operation, sign_in, try_out
from tests.people import People

IMAGES = Path(__file__).parents[2] / "docs" / "images"
TALL = {"width": 1000, "height": 890}
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 460}


def test_swagger(open_tab: OpenTab, register: People) -> None:
    ada = register(email="ada@example.com")
    page = open_tab("/swagger", viewport=TALL).page
    sign_in(page, ada.email, ada.password).get_by_role("button", name="Close").click()
    answer = try_out(page, "POST", "/referral/code", '{"lifetime_minutes": 43200}')
    expect(answer).to_contain_text("201")
    # It shows a token, at length.
    page.locator(".curl-command").evaluate("element => element.remove()")
    page.locator("textarea").evaluate("element => { element.style.minHeight = '5em' }")
    operation(page, "POST", "/referral/code").evaluate("element => element.scrollIntoView()")
    page.screenshot(path=IMAGES / "swagger.png")


def test_redoc(open_tab: OpenTab) -> None:
    page = open_tab("/redoc", viewport=WIDE).at_rest()
    page.get_by_role("link", name="referral", exact=True).click()
    page.get_by_role("link", name="Publish a code").first.click()
    expect(page.get_by_text('"lifetime_minutes"').first).to_be_in_viewport()
    # It scrolls there bit by bit.
    page.wait_for_function(
        """() => [...document.querySelectorAll('h1, h2')].some(heading => {
            const {top} = heading.getBoundingClientRect();
            return heading.innerText.includes('Publish a code') && top > 0 && top < 100;
        })"""
    )
    # The first one may be of what is being painted.
    page.screenshot()
    page.screenshot(path=IMAGES / "redoc.png", animations="disabled")


def test_reset_page(open_tab: OpenTab) -> None:
    page = open_tab("/reset-password#token=any", viewport=PHONE, device_scale_factor=2).page
    page.get_by_label("New password").fill("correct horse battery")
    page.screenshot(path=IMAGES / "reset-password.png")
