"""`gunicorn wsgi:app` serves; `python wsgi.py` is Flask's development server."""

import sys

from app import create_app
from app.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    print(error, file=sys.stderr)  # noqa: T201
    # With this status gunicorn ends, rather than start workers again and again.
    sys.exit(4)

if __name__ == "__main__":
    app.run(debug=app.config["DEBUG"])
