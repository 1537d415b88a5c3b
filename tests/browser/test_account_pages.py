"""The pages that mailed links lead to, in the hands of their readers."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.inbox import Inbox, text_of
from tests.mailed_links import NEW_PASSWORD, RESET_PAGE, VERIFY_PAGE, ask_for_reset, reset, verify
from tests.people import People, Person

MailedLink = Callable[[Person, str], str]

ASK = "Forgotten your password?"
REFUSED = "This link does not work any more"


@pytest.fixture
def mailed_link(http: httpx.Client, inbox: Inbox) -> MailedLink:
    """The link to this page that somebody finds in a mail."""

    def find(person: Person, page: str) -> str:
        if page == RESET_PAGE:
            ask_for_reset(http, person.email)
        text = "".join(map(text_of, inbox.mails(person.email)))
        (link,) = re.findall(rf"http\S+/{page}#token=\S+", text)
        return link

    return find


def test_a_password_is_set_with_the_keyboard_alone(
    open_tab: OpenTab, register: People, mailed_link: MailedLink
) -> None:
    ada = register()
    page = open_tab(mailed_link(ada, RESET_PAGE)).page
    press(page, "Tab", NEW_PASSWORD, "Enter")
    expect(page.get_by_role("heading", name="Your password is set")).to_be_focused()
    ada.password = NEW_PASSWORD
    ada.log_in()


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", "Please use at least 8 characters."),
        ("x" * 129, "Please use 128 characters at most."),
        ("password1", "Too many people use this password."),
    ],
)
def test_a_bad_password_is_refused_at_its_field_and_may_be_put_right(
    open_tab: OpenTab, register: People, mailed_link: MailedLink, password: str, fault: str
) -> None:
    page = open_tab(mailed_link(register(), RESET_PAGE)).page
    press(page, "Tab", password, "Enter")
    field = page.get_by_label("New password")
    expect(field).to_have_accessible_description(re.compile(fault))
    expect(field).to_be_focused()
    press(page, "ControlOrMeta+A", NEW_PASSWORD, "Enter")
    expect(page.get_by_role("heading", name="Your password is set")).to_be_visible()


def test_a_password_is_hidden_until_somebody_wants_to_see_it(open_tab: OpenTab) -> None:
    page = open_tab(f"/{RESET_PAGE}#token=any").page
    field = page.get_by_label("New password")
    expect(field).to_have_attribute("type", "password")
    press(page, "Tab", "Tab", "Space")
    expect(field).to_have_attribute("type", "text")


def test_whoever_comes_with_a_used_link_is_mailed_another(
    open_tab: OpenTab, http: httpx.Client, register: People, inbox: Inbox, mailed_link: MailedLink
) -> None:
    ada = register()
    link = mailed_link(ada, RESET_PAGE)
    assert reset(http, link.partition("=")[2]).is_success
    page = open_tab(link).page
    press(page, "Tab", "another good password", "Enter")
    expect(page.get_by_role("heading", name=REFUSED)).to_be_focused()
    press(page, "Tab", ada.email, "Enter")
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_focused()
    assert len(inbox.tokens(ada.email, RESET_PAGE)) == 2


def test_without_a_link_one_asks_for_it_and_a_bad_address_is_refused(open_tab: OpenTab) -> None:
    page = open_tab(f"/{RESET_PAGE}").page
    expect(page.get_by_role("heading", name=ASK)).to_be_focused()
    press(page, "Tab", "no address", "Enter")
    field = page.get_by_label("E-mail address")
    expect(field).to_have_accessible_description(re.compile("Please check the address"))


def test_a_link_verifies_the_address_as_soon_as_it_is_opened(
    open_tab: OpenTab, register: People, mailed_link: MailedLink
) -> None:
    ada = register()
    page = open_tab(mailed_link(ada, VERIFY_PAGE)).page
    expect(page.get_by_role("heading", name="Your e-mail address is verified")).to_be_focused()
    assert ada.get("/auth/me").json()["email_verified"]


def test_a_used_link_to_verify_says_so(
    open_tab: OpenTab, http: httpx.Client, register: People, mailed_link: MailedLink
) -> None:
    link = mailed_link(register(), VERIFY_PAGE)
    assert verify(http, link.partition("=")[2]).is_success
    expect(open_tab(link).page.get_by_role("heading", name=REFUSED)).to_be_focused()


@pytest.mark.parametrize("path", [RESET_PAGE, VERIFY_PAGE])
def test_the_token_does_not_stay_in_the_address(open_tab: OpenTab, path: str) -> None:
    assert open_tab(f"/{path}#token=any").page.url.endswith(f"/{path}")


def press(page: Page, *keys: str) -> None:
    """Press these keys one after the other, or type what is no key."""
    for key in keys:
        if key in {"Tab", "Enter", "Space", "ControlOrMeta+A"}:
            page.keyboard.press(key)
        else:
            page.keyboard.insert_text(key)
