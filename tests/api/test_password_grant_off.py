"""A deployment can do without the password grant of OAuth; people log in as ever."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from app import create_app
from app.settings import load_settings
from tests.people import PASSWORD, Person
from tests.serving import served


@pytest.mark.parametrize("password", [PASSWORD, "a wrong password", ""])
def test_no_password_gets_tokens(http: httpx.Client, ada: Person, password: str) -> None:
    form = {"grant_type": "password", "username": ada.email, "password": password}
    response = http.post("/auth/token", data=form)
    assert response.status_code == 400
    assert response.json()["error"] == "unsupported_grant_type"


def test_a_refresh_token_gets_tokens(http: httpx.Client, ada: Person) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": ada.refresh_token}
    assert http.post("/auth/token", data=form).is_success


def test_people_log_in(ada: Person) -> None:
    assert ada.log_in().get("/auth/me").is_success


def test_the_document_has_no_password_flow(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    validate(document)
    assert document["components"]["securitySchemes"].keys() == {"access", "refresh"}


def test_the_document_asks_nobody_for_a_password_to_get_tokens(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    operation = document["paths"]["/auth/token"]["post"]
    (form,) = operation["requestBody"]["content"].values()
    name = form["schema"]["$ref"].rpartition("/")[2]
    shape = document["components"]["schemas"][name]
    assert shape["properties"].keys() == form["example"].keys() == {"grant_type", "refresh_token"}
    assert form["example"]["grant_type"] == "refresh_token"
    assert "too_many_attempts" not in operation["responses"]["429"]["description"]


def test_what_asked_for_an_access_token_still_does(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert document["paths"]["/auth/me"]["get"]["security"] == [{"access": []}]
    assert all(scheme in ({"access": []}, {"refresh": []}) for scheme in asked_for(document))


def asked_for(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All that the operations of the document want of whoever calls them."""
    operations = (each for path in document["paths"].values() for each in path.values())
    return [scheme for operation in operations for scheme in operation.get("security", [])]


@pytest.fixture(scope="module")
def base_url(settings_file: Path) -> Iterator[str]:
    environ = {
        "REFERRAL_SETTINGS": str(settings_file),
        "REFERRAL_OAUTH_PASSWORD_GRANT": "false",
    }
    with served(create_app(load_settings(environ))) as url:
        yield url
