"""`flask demo`, in the process of the tests, which takes less time."""

from click.testing import Result
from flask import Flask

USERS, REFERRALS = 500, 400
CODES = 5 * USERS


def fill(app: Flask, users: int = USERS, referrals: int = REFERRALS) -> Result:
    size = ["--users", str(users), "--referrals", str(referrals)]
    return app.test_cli_runner().invoke(args=["demo", *size])
