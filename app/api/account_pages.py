"""The pages that mailed links lead to: one sets a new password, one verifies the address.

The token is in the fragment of the link, which no browser sends: it is for the script to read.
"""

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, render_template

from app.api.languages import preferred_language
from app.api.pages import as_page
from app.emails import LANGUAGES
from app.schemas.base import LONGEST_PASSWORD, SHORTEST_PASSWORD

WORDINGS_FOLDER = Path(__file__).parents[1] / "templates" / "wordings"
WORDINGS: dict[str, dict[str, Any]] = {
    language: tomllib.loads((WORDINGS_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    for language in LANGUAGES
}


def init_account_pages(app: Flask) -> None:
    """Serve /reset-password and /verify-email."""
    for name in ("reset_password", "verify_email"):
        path = "/" + name.replace("_", "-")
        app.add_url_rule(path, name, as_page(partial(_account_page, name)))


def _account_page(name: str) -> Response:
    language = preferred_language()
    words = WORDINGS[language]
    page = render_template(
        f"{name}.html",
        name=name,
        language=language,
        common=words["common"],
        words=words[name],
        shortest=SHORTEST_PASSWORD,
        longest=LONGEST_PASSWORD,
    )
    response = make_response(page)
    response.vary.add("Accept-Language")
    return response
