"""Load on a service from one process: wrk, or a generator of our own where that is missing."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import requests
from bench.requests import Request

CONNECTIONS = 16
# An answer that takes longer is an error.
TIMEOUT_SECONDS = 10
SCRIPT = Path(__file__).with_name("requests.lua")
CHECKOUT = Path(__file__).parent.parent


class BenchError(Exception):
    """What was measured is worth nothing. The message says why."""


@dataclass(frozen=True)
class Answers:
    """What came of a load: how many answers in how many seconds, and how long they took, in ms."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int
    exhausted: bool = False

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True)
class Load:
    """Who asks, and for how long.

    :param once: no request may be sent twice; when all were sent, that is the end.
    :param count: how many requests in all, instead of the seconds.
    :param workers: the processes that are to serve the connections; by default any.
    """

    seconds: float
    connections: int = CONNECTIONS
    once: bool = False
    count: int = 0
    workers: Sequence[int] = field(default=())


def has_wrk() -> bool:
    """Whether wrk is there, which takes less of the machine than what is written in Python."""
    return shutil.which("wrk") is not None


def answers_to(asked: Sequence[Request], url: str, load: Load, folder: Path) -> Answers:
    """Ask a service, and give what it answered.

    :raises BenchError: an answer was no success.
    """
    # wrk neither counts nor chooses who serves it.
    own = load.count or load.workers or not has_wrk()
    command = (generator_command if own else wrk_command)(asked, url, load, folder)
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    if run.returncode:
        raise BenchError(f"{command[0]} failed:\n{run.stdout}{run.stderr}")
    return understood(run.stdout)


def wrk_command(asked: Sequence[Request], url: str, load: Load, folder: Path) -> list[str]:
    """The command that has wrk ask."""
    file = folder / "asked"
    requests.write(asked, file)
    # It takes whole seconds only.
    options = ["-t1", f"-c{load.connections}", f"-d{round(load.seconds)}s"]
    options += ["--latency", f"--timeout={TIMEOUT_SECONDS}s"]
    script = ["-s", str(SCRIPT), url, "--", str(file), *(["once"] if load.once else [])]
    return ["wrk", *options, *script]


def generator_command(asked: Sequence[Request], url: str, load: Load, folder: Path) -> list[str]:
    """The command that has our own generator ask."""
    # Two of them may run at once.
    file = folder / f"asked-{'-'.join(map(str, load.workers))}-{load.connections}"
    requests.write(asked, file)
    options = [f"--connections={load.connections}", f"--seconds={load.seconds}"]
    options += [f"--count={load.count}", *(f"--worker={pid}" for pid in load.workers)]
    options += ["--once"] if load.once else []
    return [sys.executable, "-m", "bench.generator", url, str(file), *options]


def understood(output: str) -> Answers:
    """What a generator says in its last line.

    :raises BenchError: an answer was no success, or there was none.
    """
    try:
        answers = Answers(**json.loads(output.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        raise BenchError(f"The generator did not say what came of it:\n{output}") from None
    if answers.errors:
        raise BenchError(f"{answers.errors} of {answers.requests} answers were no success")
    if not answers.requests:
        raise BenchError("There was no answer")
    return answers
