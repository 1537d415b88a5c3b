"""What is counted. With gunicorn every worker writes files that /metrics adds up."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

requests = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
seconds = Histogram(
    "http_request_duration_seconds",
    "Time from the request's arrival in the application to its answer.",
    ["method", "route", "status"],
)
registrations = Counter("referral_registrations", "Accounts made.", ["with_code"])
joins = Counter("referral_joins", "Referrals made.", ["how"])
lookups = Counter("referral_lookups", "Look-ups of a code by e-mail.", ["result"])
logins = Counter("referral_logins", "Attempts to log in.", ["outcome"])


def exposition() -> bytes:
    """All metrics of all worker processes, in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
