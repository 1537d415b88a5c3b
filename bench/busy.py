"""Look-ups while workers are busy with log-ins."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.jobs import People
from bench.load import CHECKOUT, Answers, Load, generator_command, understood
from bench.measuring import Bench, Measurement, Round, turn, turn_now, warm
from bench.progress import counted
from bench.servers import Gunicorn

APART, MIXED = "beside log-ins", "among log-ins"
# Enough that no worker has nothing to hash, and look-ups that leave it room.
LOG_INS, LOOK_UPS = 8, 2
# They begin before the look-ups and end after them.
LONGER_SECONDS = 2


def apart(who: People, service: Gunicorn, bench: Bench) -> Measurement:
    """Look-ups that one worker serves, while every other one is busy with log-ins."""
    one, *others = [worker.pid for worker in service.workers]
    return _measure(APART, who, service, bench, looking=[one], logging_in=others)


def mixed(who: People, service: Gunicorn, bench: Bench) -> Measurement:
    """Look-ups and log-ins, whichever worker gets them."""
    return _measure(MIXED, who, service, bench)


def _measure(
    name: str,
    who: People,
    service: Gunicorn,
    bench: Bench,
    looking: Sequence[int] = (),
    logging_in: Sequence[int] = (),
) -> Measurement:
    asked = who.cached_look_ups()
    load = Load(bench.seconds, LOOK_UPS, workers=looking)
    rounds, log_ins = [], []
    for _ in counted(range(bench.rounds), f"look-ups {name}"):
        warm(bench, service, asked)
        idle = turn(bench, service, asked, load)
        warm(bench, service, asked)
        with _log_ins(who, service, bench, logging_in) as meanwhile:
            busy = turn_now(bench, service, asked, load)
        log_ins += [each.per_second for each in meanwhile]
        rounds.append(Round({"idle": idle, "busy": busy}))
    return Measurement(f"look-ups {name}", rounds, {"log-ins a second": log_ins})


@contextmanager
def _log_ins(
    who: People, service: Gunicorn, bench: Bench, workers: Sequence[int]
) -> Iterator[list[Answers]]:
    """Log-ins for the length of the block; what came of them is there afterwards."""
    load = Load(bench.seconds + LONGER_SECONDS, LOG_INS, workers=workers)
    command = generator_command(who.log_ins(), service.url, load, bench.folder)
    answers: list[Answers] = []
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            # It says when it is under way.
            process.stdout.readline() if process.stdout else None
            yield answers
            answers.append(understood(process.communicate()[0]))
        finally:
            process.kill()
