"""What is counted. Every process writes files, and /metrics adds all of them up.

gunicorn's workers write into the folder that PROMETHEUS_MULTIPROC_DIR names, each Celery worker
into one of its own below it.
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from app.reserved import ReservedDict
from app.version import VERSION

if hasattr(os, "posix_fallocate"):
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Each has labels: one without would open its file when it is imported, by any command.
SECONDS = "http_request_duration_seconds"
seconds = Histogram(
    SECONDS,
    "Time from the request's arrival in the application to its answer.",
    ["method", "route", "status"],
)
in_progress = Gauge(
    "http_requests_in_progress", "Requests being answered.", ["method"], multiprocess_mode="livesum"
)
registrations = Counter("referral_registrations", "Accounts made.", ["with_code"])
joins = Counter("referral_joins", "Referrals made.", ["how"])
lookups = Counter("referral_lookups", "Look-ups of a code by e-mail.", ["result"])
logins = Counter("referral_logins", "Attempts to log in.", ["outcome"])
mails = Counter("referral_mails", "What became of attempts to send a mail.", ["kind", "outcome"])
external_calls = Counter(
    "referral_external_calls", "Calls to outside services.", ["service", "outcome"]
)
delivery_seconds = Histogram(
    "referral_delivery_seconds",
    "Time from the moment that a delivery was owed until it was done.",
    ["kind"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600),
)
task_seconds = Histogram(
    "referral_task_duration_seconds",
    "Time that a Celery task took.",
    ["task", "outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
part_failures = Counter(
    "referral_part_failures", "Times that a part did not answer that can be done without.", ["part"]
)


@cache
def in_progress_of(method: str) -> Gauge:
    """What counts requests of this method being answered."""
    return in_progress.labels(method)


@cache
def answered(method: str, route: str, status: str) -> Histogram:
    """What times and counts such answers. To look it up takes as long as to count."""
    return seconds.labels(method, route, status)


@cache
def looked_up(result: str) -> Counter:
    """What counts look-ups with this result."""
    return lookups.labels(result)


# What is measured when somebody asks, rather than counted.
GAUGES = {
    "referral_outbox_depth": "Deliveries owed and not given up.",
    "referral_outbox_oldest_seconds": "Age of the oldest of them.",
    "referral_outbox_dead": "Deliveries given up, until somebody has them tried again.",
    "referral_postgresql_up": "Whether PostgreSQL answers.",
    "referral_redis_up": "Whether Redis answers.",
}


def exposition(gauges: Mapping[str, float]) -> bytes:
    """All metrics of all processes, in Prometheus' text format.

    :param gauges: what was measured, by the names above; what could not be is left out.
    """
    registry = CollectorRegistry()
    registry.register(_Everything(gauges))
    return generate_latest(registry)


class _Everything(Collector):
    def __init__(self, gauges: Mapping[str, float]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for metric in _counted():
            yield metric
            if metric.name == SECONDS:
                yield _requests(metric)
        yield InfoMetricFamily("referral", "The service.", {"version": VERSION})
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(name, GAUGES[name], value=value)


def _requests(timed: Metric) -> Metric:
    """How many were answered: whatever is timed is counted by it already."""
    requests = CounterMetricFamily("http_requests", "Requests answered.")
    for sample in timed.samples:
        if sample.name == f"{SECONDS}_count":
            requests.add_sample("http_requests_total", sample.labels, sample.value)
    return requests


def _counted() -> Iterable[Metric]:
    if FOLDER not in os.environ:
        return REGISTRY.collect()
    folder = Path(os.environ[FOLDER])
    files = [str(file) for pattern in ("*.db", "*/*.db") for file in folder.glob(pattern)]
    merged: Iterable[Metric] = MultiProcessCollector.merge(files)
    return merged
