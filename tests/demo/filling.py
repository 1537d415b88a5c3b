"""`flask demo`, in the process of the tests, which takes less time."""

from click.testing import Result
from flask import Flask

from tests.endings import Sql

USERS, REFERRALS = 500, 400
CODES = 5 * USERS
SOMEBODY = "INSERT INTO users (email, password_hash) VALUES ('ada@example.com', '')"


def fill(app: Flask, users: int = USERS, referrals: int = REFERRALS) -> Result:
    size = ["--users", str(users), "--referrals", str(referrals)]
    return app.test_cli_runner().invoke(args=["demo", *size])


def counts(sql: Sql) -> tuple[object, ...]:
    """How many people, codes and referrals there are."""
    return sql(
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM codes),"
        " (SELECT count(*) FROM referrals)"
    )[0]
