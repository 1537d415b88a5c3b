"""The mailbox of development, where a newcomer follows the links of mails."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.inbox import Inbox
from tests.people import People


def test_a_link_in_a_mail_is_followed_from_the_mailbox(
    open_tab: OpenTab, register: People, inbox: Inbox
) -> None:
    ada = register()
    inbox.deliver()
    page = open_tab("/mailbox").page
    page.get_by_role("link", name="Verify").click()
    with page.context.expect_page() as opened:
        mail = page.frame_locator("iframe")
        mail.get_by_role("link", name="Verify my address").click()
    heading = opened.value.get_by_role("heading", name="Your e-mail address is verified")
    expect(heading).to_be_visible()
    assert ada.get("/auth/me").json()["email_verified"]
