"""A page in the browser, and all that it asks for and complains of."""

import re
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, WebError

# The browser complains of every refusal, also of one that the page shows and the test is about.
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
API = re.compile(r"/(auth|referral)/")
INSIDE = {"about", "blob", "data"}


class Tab:
    """One page of a profile that nobody used before."""

    def __init__(self, context: BrowserContext, home: str):
        self.home = home
        self.strange_requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", self._note_request)
        context.on("console", self._note_message)
        context.on("weberror", self._note_error)
        self.page = context.new_page()

    def open(self, path: str) -> None:
        """Show this page of the service."""
        self.page.goto(urljoin(self.home, path))

    def at_rest(self) -> Page:
        """The page once it has asked for nothing in half a second."""
        self.page.wait_for_load_state("networkidle")
        return self.page

    def _note_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in INSIDE and f"{url.scheme}://{url.netloc}" != self.home:
            self.strange_requests.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        path = urlsplit(message.location["url"]).path
        if message.type in {"error", "warning"} and not (
            REFUSED.match(message.text) and API.match(path)
        ):
            self.complaints.append(message.text)

    def _note_error(self, error: WebError) -> None:
        self.complaints.append(str(error.error))
