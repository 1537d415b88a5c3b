"""One turn of one load: what was answered, and what that took of the machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.load import BenchError, Load, answers_to
from bench.requests import Request
from bench.servers import Backends, Gunicorn
from bench.usage import cpu, memory, wait_until_idle


@dataclass(frozen=True)
class Turn:
    """What was answered in one turn; times in ms, CPU in µs for each request, memory in MiB."""

    per_second: float
    p50: float
    p99: float
    requests: int
    errors: int
    service_cpu: float
    postgres_cpu: float
    valkey_cpu: float
    rss: float


@dataclass(frozen=True)
class Round:
    """Turns that followed upon each other, and the parts measured among them, in s for each job."""

    turns: dict[str, Turn]
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """The rounds of one job, and what is to be known of how they were made."""

    name: str
    rounds: list[Round]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    backends: Backends
    folder: Path
    rounds: int
    seconds: float


def turn(
    bench: Bench,
    gunicorn: Gunicorn,
    asked: Sequence[Request],
    load: Load,
) -> Turn:
    """Ask a service for a while."""
    wait_until_idle(gunicorn.workers)
    return turn_now(bench, gunicorn, asked, load)


def turn_now(
    bench: Bench,
    gunicorn: Gunicorn,
    asked: Sequence[Request],
    load: Load,
) -> Turn:
    """The same, whatever the service is still busy with."""
    before = cpu(gunicorn.workers, bench.backends)
    answers = answers_to(asked, gunicorn.url, load, bench.folder)
    after = cpu(gunicorn.workers, bench.backends)
    if answers.exhausted:
        raise BenchError("There were too few requests, none of which may be sent twice")

    def each(used: float) -> float:
        return used * 1_000_000 / answers.requests

    return Turn(
        per_second=answers.per_second,
        p50=answers.p50,
        p99=answers.p99,
        requests=answers.requests,
        errors=answers.errors,
        service_cpu=each(after.service - before.service),
        postgres_cpu=each(after.postgres - before.postgres),
        valkey_cpu=each(after.valkey - before.valkey),
        rss=max(memory(worker)["rss"] for worker in gunicorn.workers),
    )


def warm(bench: Bench, gunicorn: Gunicorn, asked: Sequence[Request]) -> None:
    """Ask everything once."""
    load = Load(bench.seconds, connections=1, count=len(asked))
    answers_to(asked, gunicorn.url, load, bench.folder)


def sent(url: str, request: Request) -> httpx.Response:
    """What a service answers to one request.

    :raises BenchError: it is no success.
    """
    response = httpx.request(
        request.method,
        url + request.path,
        headers=request.headers,
        content=request.content,
        trust_env=False,
        timeout=30,
    )
    if not response.is_success:
        raise BenchError(f"{request.method} {request.path}: {response.status_code} {response.text}")
    return response
