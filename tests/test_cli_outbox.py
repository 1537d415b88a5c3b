"""An operator sees what is owed to the outside, and has what was given up tried again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from app import create_app
from app.extensions import db
from app.settings import load_settings
from tests.endings import Sql

Outbox = Callable[..., Result]

REVIVED = (None, 0, True)


@pytest.fixture(scope="module")
def outbox(settings_file: Path) -> Iterator[Outbox]:
    """Runs `flask outbox …` in this process, which takes less time."""
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings_file)}))
    runner = app.test_cli_runner()
    yield lambda *words: runner.invoke(args=["outbox", *words])
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def owed(sql: Sql) -> None:
    """One delivery that is due, one that failed before, and two that are dead."""
    sql(
        "INSERT INTO outbox (kind, payload, due_at, attempts, last_failure, dead_at) VALUES"
        " ('joined', '{\"referee_id\": 7}', '2026-11-21T12:00Z', 0, NULL, NULL),"
        " ('reset_password', '{\"email\": \"ada@example.com\"}', '2026-11-21T13:00Z', 2,"
        "  'refused 451', NULL),"
        " ('verify_email', '{}', '2026-11-21T14:00Z', 32, 'timeout', '2026-11-21T15:00Z'),"
        " ('enrichment', '{}', '2026-11-21T14:00Z', 32, 'unreachable', '2026-11-21T16:00Z')"
    )


def states(sql: Sql) -> list[tuple[object, ...]]:
    return sql("SELECT dead_at, attempts, due_at <= now() FROM outbox ORDER BY id")


@pytest.mark.usefixtures("owed")
def test_the_list_shows_all_that_is_owed_oldest_first(outbox: Outbox) -> None:
    result = outbox("list")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "1\tjoined\tdue 2026-11-21 12:00:00+00:00\tattempts: 0",
        "2\treset_password\tdue 2026-11-21 13:00:00+00:00\tattempts: 2\trefused 451",
        "3\tverify_email\tdead since 2026-11-21 15:00:00+00:00\tattempts: 32\ttimeout",
        "4\tenrichment\tdead since 2026-11-21 16:00:00+00:00\tattempts: 32\tunreachable",
    ]


def test_the_list_is_empty_where_nothing_is_owed(outbox: Outbox) -> None:
    assert (outbox("list").exit_code, outbox("list").output) == (0, "")


@pytest.mark.usefixtures("owed")
def test_what_is_named_is_tried_again_as_if_for_the_first_time(outbox: Outbox, sql: Sql) -> None:
    before = states(sql)
    result = outbox("retry", "3")
    assert (result.exit_code, result.output) == (0, "1 to be tried again.\n")
    assert states(sql) == [*before[:2], REVIVED, before[3]]


@pytest.mark.usefixtures("owed")
def test_several_may_be_named(outbox: Outbox, sql: Sql) -> None:
    assert outbox("retry", "3", "4").output == "2 to be tried again.\n"
    assert states(sql)[2:] == [REVIVED, REVIVED]


@pytest.mark.usefixtures("owed")
def test_all_that_is_dead_is_tried_again(outbox: Outbox, sql: Sql) -> None:
    before = states(sql)
    result = outbox("retry", "--all")
    assert (result.exit_code, result.output) == (0, "2 to be tried again.\n")
    assert states(sql) == [*before[:2], REVIVED, REVIVED]


@pytest.mark.usefixtures("owed")
@pytest.mark.parametrize("unknown", ["1", "2", "5", "0", str(2**63), str(10**30)])
def test_what_is_not_dead_stays_as_it_is(outbox: Outbox, sql: Sql, unknown: str) -> None:
    before = states(sql)
    result = outbox("retry", unknown)
    assert (result.exit_code, result.output) == (0, "0 to be tried again.\n")
    assert states(sql) == before


@pytest.mark.usefixtures("owed")
@pytest.mark.parametrize("words", [[], ["3", "--all"], ["three"], ["3; DROP TABLE outbox"]])
def test_either_ids_or_all_must_be_named(outbox: Outbox, sql: Sql, words: list[str]) -> None:
    before = states(sql)
    assert outbox("retry", *words).exit_code == 2
    assert states(sql) == before
