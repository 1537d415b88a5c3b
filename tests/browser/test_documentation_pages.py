"""Both pages of documentation live on what this server gives them."""

import pytest

from tests.browser.conftest import OpenTab


@pytest.mark.parametrize("path", ["/swagger", "/redoc"])
def test_a_page_asks_no_other_host_and_complains_of_nothing(open_tab: OpenTab, path: str) -> None:
    tab = open_tab(path)
    tab.at_rest().get_by_role("heading", name="Referral service").wait_for()
    assert (tab.strange_requests, tab.complaints) == ([], [])
