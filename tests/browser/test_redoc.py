"""Redoc: the whole document, to be read."""

from collections import defaultdict
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab

Document = dict[str, Any]


@pytest.fixture
def document(http: httpx.Client) -> Document:
    shown: Document = http.get("/openapi.json").json()
    return shown


def test_the_document_is_shown_by_its_title(open_tab: OpenTab, document: Document) -> None:
    title = open_tab("/redoc").page.get_by_role("heading", level=1)
    expect(title).to_contain_text(document["info"]["title"])


def test_every_operation_is_under_its_tag(open_tab: OpenTab, document: Document) -> None:
    page = open_tab("/redoc").page
    for tag, operations in by_tag(document).items():
        expect(page.get_by_role("heading", name=f"link to {tag}")).to_be_attached()
        of_tag = page.get_by_role("listitem").filter(has=page.locator(f'[href="#/{tag}"]'))
        of_tag.get_by_role("link", name=tag, exact=True).click()
        for method, summary in operations:
            link = of_tag.get_by_role("link", name=f"{summary} {method}", exact=True)
            expect(link).to_be_visible()


def test_an_operation_is_found_through_the_menu(open_tab: OpenTab) -> None:
    page = open_tab("/redoc").page
    page.get_by_role("link", name="referral", exact=True).click()
    page.get_by_role("link", name="Publish a code").first.click()
    content = page.get_by_role("main")
    expect(content.get_by_role("heading", name="Publish a code")).to_be_in_viewport()
    expect(content.get_by_text('"lifetime_minutes"').first).to_be_in_viewport()


def by_tag(document: Document) -> dict[str, list[tuple[str, str]]]:
    """The method of each operation and what it does."""
    operations: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in document["paths"].values():
        for method, operation in path.items():
            (tag,) = operation["tags"]
            operations[tag].append((method, operation["summary"]))
    return operations
