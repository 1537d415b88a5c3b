"""Where settings come from, and in which forms."""

import json
import secrets
from pathlib import Path

import pytest

from app.settings import load_settings
from tests.settings.given import EXAMPLE, GOOD, SECRET, Load

DEFAULTS = {
    "JWT_ACCESS_TOKEN_EXPIRES": 900,
    "JWT_REFRESH_TOKEN_EXPIRES": 2_592_000,
    "TRUSTED_PROXIES": 0,
    "RATELIMIT_ENABLED": True,
    "DEBUG": False,
    "DEVELOPMENT": False,
}


def test_a_file_with_what_is_required_is_enough(load: Load) -> None:
    settings = load(GOOD)
    assert settings["SECRET_KEY"] == SECRET
    assert settings.items() >= DEFAULTS.items()


def test_all_mail_settings_exist_from_the_start(load: Load) -> None:
    settings = load(GOOD)
    names = ("SERVER", "PORT", "USE_TLS", "USE_SSL", "USERNAME", "PASSWORD", "DEFAULT_SENDER")
    assert {f"MAIL_{name}" for name in names} <= settings.keys()
    assert "@" in settings["MAIL_DEFAULT_SENDER"]


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({f"REFERRAL_{key}": value for key, value in GOOD.items()})
    assert settings["PUBLIC_URL"] == GOOD["PUBLIC_URL"]


def test_the_file_may_be_somewhere_else(load: Load, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(GOOD | {"MAIL_PORT": 2525}))
    assert load({}, REFERRAL_SETTINGS=str(elsewhere))["MAIL_PORT"] == 2525


@pytest.mark.parametrize(
    ("key", "given", "meant"),
    [
        ("PUBLIC_URL", "http://localhost:8000", "http://localhost:8000"),
        ("JWT_ACCESS_TOKEN_EXPIRES", "60", 60),
        ("MAIL_PORT", "25", 25),
        ("MAIL_USE_TLS", "false", False),
        ("MAIL_USE_TLS", "0", False),
        ("MAIL_USE_SSL", "true", True),
        ("MAIL_USE_SSL", "1", True),
        ("MAIL_USERNAME", "123", "123"),
        ("MAIL_PASSWORD", "true", "true"),
        ("MAIL_SERVER", "", ""),
        ("DEVELOPMENT", "True", True),
    ],
)
def test_the_environment_overrides_the_file_by_the_type_of_the_key(
    load: Load, key: str, given: str, meant: object
) -> None:
    loaded = load(GOOD | {"MAIL_PORT": 2525, "MAIL_USERNAME": "x"}, **{f"REFERRAL_{key}": given})
    assert (loaded[key], type(loaded[key])) == (meant, type(meant))


def test_variables_of_others_that_begin_alike_are_ignored(load: Load) -> None:
    kubernetes = {"REFERRAL_SERVICE_HOST": "10.0.0.1", "REFERRAL_PORT": "tcp://10.0.0.1:80"}
    assert load(GOOD, **kubernetes) == load(GOOD)


def test_variables_without_the_prefix_are_ignored(load: Load) -> None:
    assert load(GOOD, SECRET_KEY="weak", DEBUG="true", MAIL_PORT="x") == load(GOOD)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_any_usual_address_of_postgresql_leads_to_psycopg2(load: Load, scheme: str) -> None:
    loaded = load(
        GOOD | {"SQLALCHEMY_DATABASE_URI": f"{scheme}://u:p%40s%2Fs@h:1/d?sslmode=require"}
    )
    expected = "postgresql+psycopg2://u:p%40s%2Fs@h:1/d?sslmode=require"
    assert loaded["SQLALCHEMY_DATABASE_URI"] == expected


@pytest.mark.parametrize(
    "url",
    [
        "rediss://:pw@h:1/2",
        "unix:///run/redis.sock?db=1",
        "redis://h",
        "redis+sentinel://:p%40ss@a:26379,b.c:26379,10.0.0.1:1/name?db=1",
        "redis+sentinel://a:26379/name",
    ],
)
def test_any_usual_address_of_redis_is_taken(load: Load, url: str) -> None:
    assert load(GOOD | {"REDIS_URL_CACHE": url})["REDIS_URL_CACHE"] == url


def test_a_generated_secret_is_taken(load: Load) -> None:
    for _ in range(100):
        load(GOOD | {"SECRET_KEY": secrets.token_urlsafe(32)})


@pytest.mark.parametrize(("key", "value"), [("DEBUG", True), ("RATELIMIT_ENABLED", False)])
def test_what_is_for_development_is_taken_there(load: Load, key: str, value: bool) -> None:
    assert load(GOOD | {"DEVELOPMENT": True, key: value})[key] is value


def test_the_example_loads_once_its_placeholders_are_replaced(load: Load) -> None:
    url = EXAMPLE["SQLALCHEMY_DATABASE_URI"].replace("change-me", "hunter2")
    loaded = load(EXAMPLE | {"SECRET_KEY": SECRET, "SQLALCHEMY_DATABASE_URI": url})
    assert GOOD.keys() <= EXAMPLE.keys()
    assert loaded["MAIL_DEFAULT_SENDER"] == EXAMPLE["MAIL_DEFAULT_SENDER"]
