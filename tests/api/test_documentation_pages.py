"""Swagger UI and Redoc: everything they need comes from this server, and nothing goes elsewhere."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

from tests.problems import assert_problem

PAGES = ["/swagger", "/redoc"]
STARTED_BY = {"/swagger": "/static/swagger.js", "/redoc": "/static/redoc.js"}
TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
REFERENCES = {"src", "href", "data-url", "action", "srcset", "poster", "content"}
FROM_ELSEWHERE = re.compile(rb"(?:url\(\s*['\"]?|@import\s+['\"]|from\s*['\"])(?:https?:)?//")

every_page = pytest.mark.parametrize("path", PAGES)


class References(HTMLParser):
    """Collects what a page loads or links to, and what it runs in place."""

    def __init__(self, page: str):
        super().__init__()
        self.found: set[str] = set()
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag != "meta":
            self.found |= {value for name, value in attrs if name in REFERENCES and value}
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


@every_page
def test_a_page_is_html_and_is_asked_for_anew_each_time(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-cache"


@every_page
def test_a_page_names_no_other_host(http: httpx.Client, path: str) -> None:
    page = http.get(path).text
    assert "//" not in page
    assert all(reference.startswith("/") for reference in References(page).found)


@every_page
def test_everything_a_page_names_is_served(http: httpx.Client, path: str) -> None:
    found = References(http.get(path).text).found
    assert {"/openapi.json", STARTED_BY[path]} <= found
    for reference in found:
        response = http.get(reference)
        assert response.status_code == 200
        assert response.content


@every_page
def test_what_a_page_loads_has_the_type_it_is_used_as(http: httpx.Client, path: str) -> None:
    for reference in References(http.get(path).text).found - {"/openapi.json"}:
        expected = TYPES["." + reference.rpartition(".")[2]]
        assert http.get(reference).headers["Content-Type"].split(";")[0] == expected


@every_page
def test_what_a_script_imports_is_served(http: httpx.Client, path: str) -> None:
    script = http.get(STARTED_BY[path]).text
    for imported in re.findall(r'from "(.+?)"', script):
        response = http.get(urljoin(STARTED_BY[path], imported))
        assert response.headers["Content-Type"].startswith("text/javascript")


def test_redoc_starts_with_its_bundle(http: httpx.Client) -> None:
    assert re.findall(r'from "(.+?)"', http.get("/static/redoc.js").text)


@every_page
def test_a_page_runs_nothing_but_files_of_this_server(http: httpx.Client, path: str) -> None:
    assert References(http.get(path).text).inline == []


@every_page
def test_a_page_forbids_everything_from_elsewhere(http: httpx.Client, path: str) -> None:
    policy = policy_of(http.get(path))
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'"]
    for sources in policy.values():
        assert all(re.fullmatch(r"'self'|'none'|data:|'sha256-[\w+/=]+'", s) for s in sources)


@every_page
def test_a_page_can_be_neither_framed_nor_rebased(http: httpx.Client, path: str) -> None:
    policy = policy_of(http.get(path))
    for directive in ("frame-ancestors", "base-uri", "form-action"):
        assert policy[directive] == ["'none'"]


@every_page
@pytest.mark.parametrize(
    "query",
    [
        "url=https://evil.example/openapi.json",
        "urls.primaryName=evil",
        "configUrl=https://evil.example",
        "spec=evil",
        "evil",
        '"><script>evil()</script>',
    ],
)
def test_a_link_cannot_change_a_page(http: httpx.Client, path: str, query: str) -> None:
    response = http.get(f"{path}?{query}")
    assert response.content == http.get(path).content
    assert "evil" not in str(response.headers)


def test_swagger_ui_takes_no_settings_from_the_address(http: httpx.Client) -> None:
    script = http.get("/static/swagger.js").text
    assert "queryConfigEnabled" not in script
    assert re.search(r"validatorUrl: null", script)


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Prefix"])
@every_page
def test_a_header_cannot_send_a_page_elsewhere(http: httpx.Client, path: str, header: str) -> None:
    response = http.get(path, headers={header: "evil.example"})
    assert "evil" not in response.text


def test_the_style_sheet_loads_nothing_from_elsewhere(http: httpx.Client) -> None:
    style = http.get("/static/swagger-ui/swagger-ui.css").content
    assert not FROM_ELSEWHERE.search(style)


@pytest.mark.parametrize("bundle", ["swagger-ui/swagger-ui-bundle.js", "redoc/redoc.standalone.js"])
def test_the_bundles_load_no_fonts_or_images_from_elsewhere(
    http: httpx.Client, bundle: str
) -> None:
    script = http.get(f"/static/{bundle}").text
    assert "fonts.googleapis.com" not in script
    assert not re.search(r"https?://[^\"'`\s]+\.(?:svg|png|woff2?|css)\b", script)


def test_a_file_may_be_kept_a_while_and_is_checked_by_its_tag(http: httpx.Client) -> None:
    first = http.get("/static/swagger.js")
    assert "max-age=3600" in first.headers["Cache-Control"]
    again = http.get("/static/swagger.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/apidocs/", "/apispec_1.json", "/flasgger_static/swagger-ui.css", "/docs"]
)
def test_pages_of_the_libraries_own_are_not_served(http: httpx.Client, path: str) -> None:
    assert_problem(http.get(path), 404, "not_found")


def policy_of(response: httpx.Response) -> dict[str, list[str]]:
    """The sources that each directive of the Content-Security-Policy allows."""
    directives = response.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, *sources in map(str.split, directives)}
