"""What processes took of the machine."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import psutil

from bench.servers import Backends
from dev.waiting import wait_until

MIB = 1024 * 1024
IDLE_SECONDS = 0.1


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU that were used until now."""

    service: float
    postgres: float
    valkey: float


def cpu(service: Iterable[psutil.Process], backends: Backends) -> Cpu:
    """What the workers of a service and the servers behind it have used."""
    postgres = psutil.Process(backends.postgres.pid)
    return Cpu(
        service=sum(map(_used, service)),
        # Those of its processes that ended are among its own times.
        postgres=_with_ended(postgres) + sum(map(_used, postgres.children(recursive=True))),
        valkey=_used(psutil.Process(backends.valkey.pid)),
    )


def wait_until_idle(workers: Iterable[psutil.Process]) -> None:
    """Return once the workers have nothing left to do of what was asked before."""
    for worker in workers:
        wait_until(partial(_is_idle, worker), "end of the work")


def memory(worker: psutil.Process) -> dict[str, float]:
    """The memory of a worker in MiB: resident, its share of that, and what is its own."""
    info = worker.memory_full_info()
    return {"rss": info.rss / MIB, "pss": info.pss / MIB, "uss": info.uss / MIB}


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _with_ended(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _is_idle(process: psutil.Process) -> bool:
    before = _used(process)
    time.sleep(IDLE_SECONDS)
    return _used(process) - before <= IDLE_SECONDS / 5
