"""`gunicorn wsgi:app` serves; `python wsgi.py` is Flask's development server."""

import sys

from app import create_app
from app.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(str(error))

if __name__ == "__main__":
    app.run(debug=app.config["DEBUG"])
