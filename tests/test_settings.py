"""How a deployment is configured, and how it is told what is wrong."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import SettingsError, load_settings
from dev.ports import free_port

CHECKOUT = Path(__file__).parent.parent
EXAMPLE = json.loads((CHECKOUT / "settings.json.example").read_text())
SECRET = "Vq7-hD2kLm9_xZ4pRt6wYb8nCj3sFg5a"
GOOD = {
    "SECRET_KEY": SECRET,
    "SQLALCHEMY_DATABASE_URI": "postgresql://user:pass@localhost:5432/referral",
    "REDIS_URL_CACHE": "redis://localhost:6379/0",
    "REDIS_URL_BROKER": "redis://localhost:6379/1",
    "PUBLIC_URL": "https://referral.example.org",
}
DEFAULTS = {
    "JWT_ACCESS_TOKEN_EXPIRES": 900,
    "JWT_REFRESH_TOKEN_EXPIRES": 2_592_000,
    "TRUSTED_PROXIES": 0,
    "RATELIMIT_ENABLED": True,
    "DEBUG": False,
    "DEVELOPMENT": False,
}
WEAK_SECRETS = [
    *("", "short", SECRET[:31], "a" * 64, "ab" * 32, "secret" * 10, "0123456789" * 4, " " * 40),
    *(EXAMPLE["SECRET_KEY"], "change-me", f"change-me-{SECRET}", f"CHANGE-ME-{SECRET}"),
]
# Everything that is no value of its kind, none of which may be repeated in what is said of it.
FAULTS: list[tuple[str, Any]] = [
    ("SECRET_KEY", 12345678901234567890),
    ("SECRET_KEY", None),
    ("SQLALCHEMY_DATABASE_URI", "mysql://user:hunter2@localhost/referral"),
    ("SQLALCHEMY_DATABASE_URI", "sqlite:///hunter2.db"),
    ("SQLALCHEMY_DATABASE_URI", "postgresql+psycopg://user:hunter2@localhost/referral"),
    ("SQLALCHEMY_DATABASE_URI", "postgresql+asyncpg://user:hunter2@localhost/referral"),
    ("SQLALCHEMY_DATABASE_URI", "postgresql://user:hunter2@localhost:port/referral"),
    ("SQLALCHEMY_DATABASE_URI", "postgresql://localhost:hunter2"),
    ("SQLALCHEMY_DATABASE_URI", "hunter2"),
    ("SQLALCHEMY_DATABASE_URI", ""),
    ("SQLALCHEMY_DATABASE_URI", 5432),
    ("SQLALCHEMY_DATABASE_URI", None),
    ("SQLALCHEMY_DATABASE_URI", EXAMPLE["SQLALCHEMY_DATABASE_URI"]),
    ("REDIS_URL_CACHE", "http://user:hunter2@localhost"),
    ("REDIS_URL_CACHE", "redis://:hunter2@localhost:port/0"),
    ("REDIS_URL_CACHE", "localhost:6379"),
    ("REDIS_URL_CACHE", "redis+sentinel://:hunter2@sentinel/name"),
    ("REDIS_URL_CACHE", "redis+sentinel://:hunter2@sentinel:26379"),
    ("REDIS_URL_CACHE", "redis+sentinel://:hunter2@sentinel:26379/name/1"),
    ("SQLALCHEMY_REPLICA_URI", "mysql://user:hunter2@localhost/referral"),
    ("REDIS_URL_BROKER", "amqp://user:hunter2@localhost"),
    ("REDIS_URL_BROKER", ["redis://localhost"]),
    ("PUBLIC_URL", "referral.example.org"),
    ("PUBLIC_URL", "ftp://hunter2.example.org"),
    ("PUBLIC_URL", "javascript:hunter2()"),
    ("JWT_ACCESS_TOKEN_EXPIRES", 0),
    ("JWT_ACCESS_TOKEN_EXPIRES", -900),
    ("JWT_ACCESS_TOKEN_EXPIRES", "hunter2"),
    ("JWT_ACCESS_TOKEN_EXPIRES", False),
    ("JWT_REFRESH_TOKEN_EXPIRES", 10**12),
    ("JWT_REFRESH_TOKEN_EXPIRES", None),
    ("SESSION_LIFETIME", 0),
    ("MAIL_PORT", 0),
    ("MAIL_PORT", 65_536),
    ("MAIL_PORT", "smtp"),
    ("MAIL_PASSWORD", {"hunter2": 1}),
    ("MAIL_USE_TLS", "perhaps"),
    ("TRUSTED_PROXIES", -1),
    ("TRUSTED_PROXIES", 11),
    ("TRUSTED_PROXIES", "hunter2"),
    ("RATELIMIT_ENABLED", 7),
    ("RATELIMIT_LOGIN", ""),
    ("RATELIMIT_LOGIN", 10),
    ("RATELIMIT_LOGIN", "0 per hour"),
    ("RATELIMIT_LOGIN", "10 per minute; hunter2"),
    ("RATELIMIT_LOGIN", "10 per fortnight"),
    ("RATELIMIT_REGISTER_PER_ACCOUNT", "hunter2"),
    ("DEBUG", "hunter2"),
    ("DEVELOPMENT", "perhaps"),
]
NO_FILES = {
    "no JSON": b'{"SECRET_KEY": hunter2',
    "nothing": b"",
    "a list": b'["hunter2"]',
    "a string": b'"hunter2"',
    "null": b"null",
    "Latin-1": b'{"MAIL_PASSWORD": "hunter2\xe9"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
}
STARTS = {
    "python wsgi.py": ["wsgi.py"],
    "gunicorn wsgi:app": ["-m", "gunicorn", "wsgi:app"],
    "flask db upgrade": ["-m", "flask", "--app", "wsgi", "db", "upgrade"],
}

Load = Callable[..., dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads `settings.json` with this content, and this environment."""
    monkeypatch.chdir(tmp_path)

    def load_with(content: Any, **environ: str) -> dict[str, Any]:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "settings.json").write_bytes(raw)
        return load_settings(environ)

    return load_with


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


@pytest.mark.parametrize(("key", "value"), FAULTS)
def test_a_fault_is_told_by_its_key_and_never_by_its_value(
    load: Load, key: str, value: Any
) -> None:
    message = complaint(load, GOOD | {key: value})
    assert faulty_keys(message) == [key]
    assert "hunter2" not in message
    assert not isinstance(value, str) or not value or value not in message


@pytest.mark.parametrize("secret", WEAK_SECRETS)
def test_a_weak_secret_is_refused(load: Load, secret: str) -> None:
    message = complaint(load, GOOD | {"SECRET_KEY": secret})
    assert faulty_keys(message) == ["SECRET_KEY"]
    assert not secret.strip() or secret not in message


def test_a_generated_secret_is_taken(load: Load) -> None:
    for _ in range(100):
        load(GOOD | {"SECRET_KEY": secrets.token_urlsafe(32)})


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_told(load: Load, key: str) -> None:
    rest = {each: value for each, value in GOOD.items() if each != key}
    assert faulty_keys(complaint(load, rest)) == [key]


@pytest.mark.parametrize("key", ["SECRETKEY", "secret_key", "MAIL_SERVR", "", "é"])
def test_an_unknown_key_in_the_file_is_told(load: Load, key: str) -> None:
    message = complaint(load, GOOD | {key: "hunter2"})
    assert faulty_keys(message) == [key]
    assert "hunter2" not in message


def test_all_faults_are_told_at_once(load: Load) -> None:
    faulty = {"SECRET_KEY": "short", "MAIL_PORT": "hunter2", "DEBUG": True, "X": 1}
    message = complaint(load, faulty, REFERRAL_MAIL_USE_TLS="perhaps")
    missing = GOOD.keys() - {"SECRET_KEY"}
    assert set(faulty_keys(message)) == faulty.keys() | missing | {"MAIL_USE_TLS"}
    assert faulty_keys(message) == sorted(faulty_keys(message))


@pytest.mark.parametrize(("key", "value"), [("DEBUG", True), ("RATELIMIT_ENABLED", False)])
def test_what_is_for_development_is_refused_in_a_deployment(
    load: Load, key: str, value: bool
) -> None:
    assert faulty_keys(complaint(load, GOOD | {key: value})) == [key]
    assert faulty_keys(complaint(load, GOOD, **{f"REFERRAL_{key}": str(value)})) == [key]


@pytest.mark.parametrize(("key", "value"), [("DEBUG", True), ("RATELIMIT_ENABLED", False)])
def test_what_is_for_development_is_taken_there(load: Load, key: str, value: bool) -> None:
    assert load(GOOD | {"DEVELOPMENT": True, key: value})[key] is value


def test_even_in_development_a_weak_secret_is_refused(load: Load) -> None:
    message = complaint(load, GOOD | {"DEVELOPMENT": True, "SECRET_KEY": "development"})
    assert faulty_keys(message) == ["SECRET_KEY"]


@pytest.mark.parametrize("content", NO_FILES.values(), ids=NO_FILES)
def test_a_file_that_holds_no_settings_is_told_without_its_content(
    load: Load, content: bytes
) -> None:
    message = complaint(load, content)
    assert "settings.json" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_told_by_its_name(
    load: Load, tmp_path: Path, name: str
) -> None:
    path = str(tmp_path / name)
    assert complaint(load, GOOD, REFERRAL_SETTINGS=path).startswith(path)


def test_the_example_is_refused_as_it_stands(load: Load) -> None:
    refused = faulty_keys(complaint(load, EXAMPLE))
    assert refused == [key for key in sorted(EXAMPLE) if "change-me" in str(EXAMPLE[key])]
    assert "SECRET_KEY" in refused


def test_the_example_loads_once_its_placeholders_are_replaced(load: Load) -> None:
    url = EXAMPLE["SQLALCHEMY_DATABASE_URI"].replace("change-me", "hunter2")
    loaded = load(EXAMPLE | {"SECRET_KEY": SECRET, "SQLALCHEMY_DATABASE_URI": url})
    assert GOOD.keys() <= EXAMPLE.keys()
    assert loaded["MAIL_DEFAULT_SENDER"] == EXAMPLE["MAIL_DEFAULT_SENDER"]


@pytest.mark.parametrize("command", STARTS.values(), ids=STARTS)
def test_nothing_starts_with_faulty_settings(tmp_path: Path, command: list[str]) -> None:
    settings = tmp_path / "faulty.json"
    settings.write_text(json.dumps(GOOD | {"SECRET_KEY": "hunter2"}))
    bind = ["--bind", f"127.0.0.1:{free_port()}"] if "gunicorn" in command else []
    run = subprocess.run(
        [sys.executable, *command, *bind],
        cwd=CHECKOUT,
        env=os.environ | {"REFERRAL_SETTINGS": str(settings)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode != 0
    assert "The settings cannot be used:\n  SECRET_KEY: " in run.stderr
    assert "Traceback" not in run.stderr
    assert "hunter2" not in run.stdout + run.stderr


def complaint(load: Load, content: Any, **environ: str) -> str:
    """What is said of settings that cannot be used."""
    with pytest.raises(SettingsError) as refused:
        load(content, **environ)
    return str(refused.value)


def faulty_keys(message: str) -> list[str]:
    """The keys that the message names, one a line."""
    _, *lines = message.splitlines()
    return [line.strip().partition(":")[0] for line in lines]
