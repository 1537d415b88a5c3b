"""What an orchestrator and an operator ask."""

from typing import Any

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app import metrics
from app.api.contract import refuses, returns
from app.errors import Unavailable
from app.schemas.health import AliveOut, ReadyOut
from app.services import outbox, readiness

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@returns(AliveOut())
def alive() -> Any:
    """Say that the process lives"""
    return {"status": "alive"}


@blueprint.get("/readyz")
@returns(ReadyOut())
@refuses(Unavailable)
def ready() -> Any:
    """Say whether requests can be served

    `degraded` means that Redis is lost: everything works, more slowly. A process that is about to
    end is not ready, though it still serves.
    """
    checks = readiness.check()
    return {"status": readiness.summary(checks), "checks": checks}


@blueprint.get("/metrics")
def metrics_of_all_workers() -> Response:
    """Give the metrics, for Prometheus"""
    text = metrics.exposition(readiness.gauges() | outbox.gauges())
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)
