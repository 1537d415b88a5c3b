"""`gunicorn wsgi:app` serves; `python wsgi.py` is Flask's development server."""

import sys

from werkzeug.serving import WSGIRequestHandler

from app import create_app
from app.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(str(error))


class Handler(WSGIRequestHandler):
    """Logs a request without its query, where an address may stand."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.log("info", "%s %s %s", self.command, self.path.partition("?")[0], code)


if __name__ == "__main__":
    app.run(debug=app.config["DEBUG"], request_handler=Handler)
