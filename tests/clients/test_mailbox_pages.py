"""/mailbox: what a newcomer sees of the mails, and what a mail may do in the browser."""

from collections.abc import Callable
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.clients.mailbox import Mailbox
from app.settings import SettingsError, load_settings
from tests.clients.handing_over import UNICODE, mail

LINK = "http://127.0.0.1:8000/reset-password#token=abc-_1"
HOSTILE = '<script>evil()</script>"><img src=x onerror=evil()>{{ 7*7 }}'


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text between them."""

    def __init__(self, response: TestResponse):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def settings(settings_file: Path) -> dict[str, Any]:
    return load_settings({"REFERRAL_SETTINGS": str(settings_file)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mailbox")


@pytest.fixture(scope="module")
def app(settings: dict[str, Any], folder: Path) -> Flask:
    return create_app(settings | {"MAILBOX": str(folder)})


@pytest.fixture
def client(app: Flask, folder: Path) -> FlaskClient:
    """A browser at an empty mailbox."""
    for file in folder.glob("*/*"):
        file.unlink()
    return app.test_client()


@pytest.fixture
def arrive(client: FlaskClient, folder: Path) -> Callable[..., str]:
    """Lets a mail come, and gives the path of its page."""

    def send(
        text: str = "Hello", html: str | None = None, message: EmailMessage | None = None
    ) -> str:
        message = message or mail(text=text)
        if html is not None:
            message.add_alternative(html, subtype="html")
        Mailbox(folder).send(message)
        return f"/mailbox/{Mailbox(folder).newest(1)[0].key}"

    return send


def policy_of(response: TestResponse) -> dict[str, str]:
    directives = response.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, _, sources in (text.partition(" ") for text in directives)}


def test_an_empty_mailbox_says_so_and_leads_to_another_look(client: FlaskClient) -> None:
    page = Page(client.get("/mailbox"))
    assert "There is no mail yet" in page.text
    assert [link["href"] for link in page.all("a")] == ["/mailbox"]


def test_mails_are_listed_newest_first(client: FlaskClient, arrive: Callable[..., str]) -> None:
    older = arrive(message=mail("older@example.com"))
    newer = arrive(message=mail(UNICODE))
    page = Page(client.get("/mailbox"))
    assert [link["href"] for link in page.all("a")] == ["/mailbox", newer, older]
    assert page.text.index(UNICODE) < page.text.index("older@example.com")
    assert "Привет" in page.text


def test_a_long_list_is_cut_and_says_so(client: FlaskClient, arrive: Callable[..., str]) -> None:
    for _ in range(51):
        arrive()
    page = Page(client.get("/mailbox"))
    assert len(page.all("li")) == 50
    assert "The newest 50 are shown" in page.text


def test_a_mail_is_shown_with_its_headers_and_its_text(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    page = Page(client.get(arrive("Привет, <Ada>\n& all", "<p>Hi")))
    for expected in ("Message-ID", "<one@localhost>", "ada@example.com", "Привет, <Ada>\n& all"):
        assert expected in page.text


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        f"Go to {LINK}",
        f"({LINK}).",
        f"<{LINK}>",
        f'"{LINK}"',
        f"{LINK}\nor not",
        f"{LINK}, go!",
    ],
)
def test_a_link_in_the_text_can_be_followed_into_a_new_tab(
    client: FlaskClient, arrive: Callable[..., str], text: str
) -> None:
    page = Page(client.get(arrive(text)))
    _, link = page.all("a")
    assert (link["href"], link["target"]) == (LINK, "_blank")
    assert text in page.text


def test_a_link_keeps_its_whole_query(client: FlaskClient, arrive: Callable[..., str]) -> None:
    address = "https://example.com/?a=1&b=%20&amp=2#x"
    _, link = Page(client.get(arrive(address))).all("a")
    assert link["href"] == address


@pytest.mark.parametrize(
    "text",
    ["javascript:evil()", "data:text/html,evil", "file:///etc/passwd", "http://", "//evil.example"],
)
def test_nothing_else_becomes_a_link(
    client: FlaskClient, arrive: Callable[..., str], text: str
) -> None:
    page = Page(client.get(arrive(text)))
    assert len(page.all("a")) == 1
    assert text in page.text


def test_no_text_header_or_address_becomes_markup(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    message = mail(text=f"{HOSTILE} http://x/{HOSTILE}")
    message.replace_header("Subject", HOSTILE)
    message["X-Evil"] = HOSTILE
    shown = arrive(message=message)
    for path in ("/mailbox", shown):
        page = Page(client.get(path))
        assert HOSTILE in page.text
        assert page.all("script") == page.all("img") == []
        assert not any(name.startswith("on") for _, given in page.tags for name in given)


def test_html_is_shown_in_a_frame_that_runs_no_script(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    shown = arrive(html=f"<p>Hi</p>{HOSTILE}")
    page = Page(client.get(shown))
    [frame] = page.all("iframe")
    assert frame["src"] == f"{shown}/html"
    assert frame["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert frame["title"]
    assert page.all("script") == []


def test_html_is_sandboxed_also_without_the_frame(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    response = client.get(arrive(html="<p>Привет</p>") + "/html")
    assert response.content_type == "text/html; charset=utf-8"
    assert "<p>Привет</p>" in response.text
    policy = policy_of(response)
    assert policy["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert "script-src" not in policy


def test_a_link_in_html_opens_a_new_tab(client: FlaskClient, arrive: Callable[..., str]) -> None:
    html = f'<!doctype html>\n<html><head></head><body><a href="{LINK}">Go</a></body></html>\n'
    response = client.get(arrive(html=html) + "/html")
    assert response.text.startswith("<!doctype html>")
    assert Page(response).all("base") == [{"target": "_blank"}]


def test_a_mail_of_text_only_has_no_frame(client: FlaskClient, arrive: Callable[..., str]) -> None:
    shown = arrive()
    assert Page(client.get(shown)).all("iframe") == []
    assert client.get(f"{shown}/html").status_code == 404


def test_a_page_loads_nothing_but_style_of_this_server(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    for path in ("/mailbox", arrive(html="<p>Hi")):
        response = client.get(path)
        assert policy_of(response) == {
            "default-src": "'none'",
            "style-src": "'self'",
            "frame-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        for link in Page(response).all("link"):
            with client.get(str(link["href"])) as sheet:
                assert sheet.content_type.startswith("text/css")


def test_a_mail_is_framed_by_the_pages_here_only_and_needs_no_window_to_itself(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    headers = client.get(f"{arrive(html='<p>Hi')}/html").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Cross-Origin-Opener-Policy"] == "unsafe-none"


def test_no_page_is_stored_or_told_to_where_a_link_leads(
    client: FlaskClient, arrive: Callable[..., str]
) -> None:
    shown = arrive(html="<p>Hi")
    for path in ("/mailbox", shown, f"{shown}/html"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("end", ["", "/html"])
@pytest.mark.parametrize("key", ["x", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%00", "x" * 5000])
def test_a_mail_that_is_not_there_is_not_found(client: FlaskClient, key: str, end: str) -> None:
    response = client.get(f"/mailbox/{key}{end}")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_there_are_no_such_pages_without_a_mailbox(settings: dict[str, Any]) -> None:
    app = create_app(settings | {"MAILBOX": ""})
    assert app.test_client().get("/mailbox").status_code == 404


def test_a_deployment_cannot_have_a_mailbox(settings_file: Path, folder: Path) -> None:
    deployment = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_DEVELOPMENT": "false",
        "REFERRAL_MAILBOX": str(folder),
    }
    with pytest.raises(SettingsError, match="MAILBOX"):
        load_settings(deployment)
