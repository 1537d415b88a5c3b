"""The commands of the service, as an operator types them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from click.testing import Result

from app import create_app
from app.extensions import db
from app.settings import load_settings

CHECKOUT = Path(__file__).parent.parent

Promote = Callable[..., Result]
Admins = Callable[[], list[str]]


def test_flask_users_promote_makes_an_admin(settings_file: Path, admins: Admins) -> None:
    run = promote_by_flask(settings_file)
    assert (run.returncode, run.stderr) == (0, "")
    assert "ada@example.com" in run.stdout
    assert admins() == ["ada@example.com"]


def test_a_command_leaves_nothing_in_the_folder_of_the_counts(
    settings_file: Path, admins: Admins, tmp_path: Path
) -> None:
    run = promote_by_flask(settings_file, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert (run.returncode, list(tmp_path.iterdir())) == (0, [])


def promote_by_flask(settings_file: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "users", "promote", "ada@example.com"]
    environment = os.environ | {"REFERRAL_SETTINGS": str(settings_file)} | environment
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("spelling", ["ADA@Example.COM", "ada@EXAMPLE\u3002com"])
def test_the_address_is_read_in_any_spelling(
    promote: Promote, admins: Admins, spelling: str
) -> None:
    assert promote(spelling).exit_code == 0
    assert admins() == ["ada@example.com"]


def test_an_admin_stays_one_when_promoted_again(promote: Promote, admins: Admins) -> None:
    promote("ada@example.com")
    assert promote("ada@example.com").exit_code == 0
    assert admins() == ["ada@example.com"]


@pytest.mark.parametrize(
    "email", ["nobody@example.com", "ada", "", "%", "ada@example.com\n", "ada@example.com\0"]
)
def test_an_address_without_an_account_promotes_nobody(
    promote: Promote, admins: Admins, email: str
) -> None:
    result = promote(email)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no account for")
    assert admins() == []


def test_an_address_must_be_given(promote: Promote, admins: Admins) -> None:
    result = promote()
    assert result.exit_code == 2
    assert "EMAIL" in result.stderr
    assert admins() == []


@pytest.fixture(scope="module")
def promote(settings_file: Path) -> Iterator[Promote]:
    """Runs `flask users promote` in this process, which takes less time."""
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    runner = app.test_cli_runner()
    yield lambda *emails: runner.invoke(args=["users", "promote", *emails])
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def admins(database_url: str) -> Iterator[Admins]:
    """Tells who is an admin now, of the two people there are."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    cursor = connection.cursor()
    for email in ("ada@example.com", "grace@example.com"):
        cursor.execute("INSERT INTO users (email, password_hash) VALUES (%s, '')", [email])

    def read() -> list[str]:
        cursor.execute("SELECT email FROM users WHERE is_admin ORDER BY id")
        return [email for (email,) in cursor]

    yield read
    connection.close()
