"""A Flask application that does nothing: the ceiling for whatever is served by the same gunicorn.

Each file in the folder that BARE_ANSWERS names is an answer of the service, whose bytes it gives.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from flask import Flask, Response

FOLDER = "BARE_ANSWERS"


@dataclass(frozen=True)
class Answer:
    """An answer of the service, to be given again."""

    status: int
    content_type: str
    body: str


def keep(answer: Answer, folder: Path, name: str) -> None:
    """Have the application give this answer under the name."""
    (folder / name).write_text(json.dumps(asdict(answer)))


def create_app() -> Flask:
    """One route for each answer."""
    app = Flask(__name__)
    for path in Path(os.environ[FOLDER]).iterdir():
        answer = Answer(**json.loads(path.read_text()))
        app.add_url_rule(f"/{path.name}", path.name, _view(answer))
    return app


def _view(answer: Answer) -> Callable[[], Response]:
    def view() -> Response:
        return Response(answer.body, answer.status, content_type=answer.content_type)

    return view
