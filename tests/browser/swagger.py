"""What people do in Swagger UI."""

from playwright.sync_api import Locator, Page

SIGN_IN = "Apply given OAuth2 credentials"
SIGN_OUT = "Remove authorization"


def sign_in(page: Page, email: str, password: str) -> Locator:
    """Sign in in the dialog, which stays open; gives the part of it that took the password."""
    page.get_by_role("button", name="Authorize", exact=True).click()
    form = page.locator(".modal-ux .auth-container").filter(has_text="OAuth2")
    form.get_by_label("username:").fill(email)
    form.get_by_label("password:", exact=True).fill(password)
    form.get_by_role("button", name=SIGN_IN).click()
    return form


def operation(page: Page, method: str, path: str) -> Locator:
    """The part of the page about this operation."""
    of_path = page.locator(f'[data-path="{path}"]')
    return page.locator(f".opblock-{method.lower()}").filter(has=of_path)


def try_out(page: Page, method: str, path: str, body: str = "") -> Locator:
    """Open the operation and send it; gives the answer as the page shows it."""
    shown = operation(page, method, path)
    shown.locator(".opblock-summary-control").click()
    shown.get_by_role("button", name="Try it out").click()
    if body:
        shown.locator("textarea").fill(body)
    shown.get_by_role("button", name="Execute").click()
    return shown.locator(".live-responses-table .response")
