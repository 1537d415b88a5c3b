"""What is read within a transaction is a part of it."""

from flask import Flask
from sqlalchemy import bindparam, select

from app.database import read, transaction
from app.extensions import db
from app.models import User
from tests.endings import Sql

BY_EMAIL = select(User.id).where(User.email == bindparam("email"))
ADA = {"email": "ada@example.com"}


def test_what_a_transaction_has_written_it_reads_and_nobody_else(app: Flask, sql: Sql) -> None:
    with app.app_context(), transaction():
        db.session.add(User(**ADA, password_hash="x"))
        db.session.flush()
        assert len(read(BY_EMAIL, ADA)) == 1
        assert sql("SELECT id FROM users") == []
    assert len(sql("SELECT id FROM users")) == 1
