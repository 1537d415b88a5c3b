"""Whether this process can do its work, and what is missing if not."""

from collections.abc import Callable, Sequence
from functools import cache as once
from pathlib import Path
from typing import Any

import psycopg2
from flask import current_app
from sqlalchemy import String, column, select, table

from app.database import read
from app.errors import DATABASE_LOST, Unavailable
from app.extensions import cache

OK, MISSING, DEGRADED, DRAINING = "ok", "missing", "degraded", "draining"

_version = column("version_num", String)
REVISION = select(_version).select_from(table("alembic_version", _version))

_drains: Callable[[], bool] = bool


def drain_when(drains: Callable[[], bool]) -> None:
    """Say that this process is about to end once this holds. It still does whatever it is asked."""
    global _drains
    _drains = drains


def check() -> dict[str, str]:
    """Each part and how it is. Without Redis everything works, if more slowly.

    :raises Unavailable: naming a part that nothing works without, or that this process ends.
    """
    if _drains():
        raise Unavailable(retry_after=2, checks={"process": DRAINING})
    checks = _check_database() | {"redis": OK if cache.ping() else DEGRADED}
    if MISSING in checks.values():
        raise Unavailable(retry_after=2, checks=checks)
    return checks


def summary(checks: dict[str, str]) -> str:
    """The checks in a word."""
    return DEGRADED if DEGRADED in checks.values() else "ready"


def gauges() -> dict[str, float]:
    """Which parts answer, in the metrics' names."""
    return {
        "referral_postgresql_up": float(_check_database()["postgresql"] == OK),
        "referral_redis_up": float(cache.ping()),
    }


def _check_database() -> dict[str, str]:
    try:
        revisions = read(REVISION, {})
    except DATABASE_LOST:
        return {"postgresql": MISSING, "migrations": MISSING}
    except psycopg2.ProgrammingError:
        return {"postgresql": OK, "migrations": MISSING}
    return {"postgresql": OK, "migrations": OK if _is_applied(revisions) else MISSING}


def _is_applied(revisions: Sequence[Any]) -> bool:
    # A revision unknown here is a newer release's: it is compatible with the one before it.
    return bool(revisions) and revisions[0].version_num not in _outdated_revisions()


@once
def _outdated_revisions() -> frozenset[str]:
    """All revisions known here but the last; each stands before the name of its file."""
    files = Path(current_app.root_path).parent.glob("migrations/versions/[0-9]*.py")
    return frozenset(sorted(file.name.partition("_")[0] for file in files)[:-1])
