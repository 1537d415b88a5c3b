"""Listening to what the service says to PostgreSQL."""

from pathlib import Path
from typing import Any

from argon2 import Parameters, extract_parameters

from app import create_app
from app.extensions import db
from app.services.passwords import hash_password
from app.settings import load_settings
from bench.load import BenchError
from bench.requests import Request
from bench.statements import Statements
from dev.statements import watched


def statements_of(settings: Path, before: Request, request: Request) -> Statements:
    """What this request sends to PostgreSQL, when the application has answered one before."""
    app = create_app(load_settings({"REFERRAL_SETTINGS": str(settings)}))
    texts: list[str] = []

    def note(cursor: Any, statement: Any, parameters: Any) -> None:
        # As it is sent: psycopg2 puts the parameters in by itself.
        texts.append(cursor.mogrify(statement, parameters).decode())

    with app.app_context():
        engine = db.engine
    client = app.test_client()
    with watched(engine, sent=note) as prepared:
        for each in (before, request):
            texts.clear()
            answer = client.open(
                each.path, method=each.method, headers=each.headers, data=each.content
            )
            if answer.status_code >= 300:
                raise BenchError(f"{each.method} {each.path}: {answer.status} {answer.text}")
    return Statements(texts, answer.get_json(), prepared)


def parameters() -> Parameters:
    """What argon2id is told by the service, read from a hash of it."""
    return extract_parameters(hash_password("any"))
