"""How a deployment is told what is wrong with its settings."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.ports import free_port
from tests.settings.given import (
    CHECKOUT,
    EXAMPLE,
    GOOD,
    WEAK_SECRETS,
    Load,
    complaint,
    faulty_keys,
)

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
    ("RATELIMIT_LOGIN", "10 per minute; 0 per hour"),
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
