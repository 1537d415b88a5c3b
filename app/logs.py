"""Where the service says what it does: one line an event, with the request it belongs to."""

import logging
from logging.config import dictConfig

from flask import g, has_app_context


class RequestId(logging.Filter):
    """Puts the id of the current request on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "-") if has_app_context() else "-"
        return True


def init_logs() -> None:
    """Log to standard error, readably."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": RequestId}},
            "formatters": {
                "line": {"format": "%(asctime)s %(levelname)s [%(request_id)s] %(message)s"}
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "filters": ["request_id"],
                    "formatter": "line",
                }
            },
            "loggers": {"app": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
        }
    )
