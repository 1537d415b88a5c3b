"""Each job beside what it could be at most: the bare route, and its parts by themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench import bare
from bench.jobs import Job
from bench.listening import parameters, statements_of
from bench.load import CONNECTIONS, Load
from bench.measuring import Bench, Measurement, Round, Turn, sent, turn, turn_now, warm
from bench.parts import argon2id, in_a_process_of_its_own, seconds_of
from bench.progress import counted
from bench.requests import Request
from bench.servers import Gunicorn
from bench.servers import bare as serving_bare
from bench.site import Site
from bench.statements import Statements
from bench.usage import wait_until_idle

# Parts are steadier than what goes over HTTP.
PART_SECONDS = 1


@contextmanager
def bare_answers(
    jobs: Sequence[Job], site: Site, service: Gunicorn, bench: Bench
) -> Iterator[Gunicorn]:
    """The bare application, with the service's own answer to each of the jobs."""
    folder = bench.folder / "answers"
    folder.mkdir()
    for job in jobs:
        answer = sent(service.url, job.asked(0)[0])
        kept = bare.Answer(answer.status_code, answer.headers["Content-Type"], answer.text)
        bare.keep(kept, folder, job.slug)
    with serving_bare(bench.folder / "bare", site.settings, folder) as running:
        yield running


def measure(
    job: Job, site: Site, service: Gunicorn, bare_service: Gunicorn, bench: Bench
) -> Measurement:
    """The rounds of a job: bare, the job, and its parts, in turn."""
    statements = _statements_of(job, site)
    rounds = []
    for _ in counted(range(bench.rounds), job.name):
        turns = {
            "bare": turn(bench, bare_service, [Request(f"/{job.slug}")], Load(bench.seconds)),
            "job": turn_of(job, service, bench),
        }
        rounds.append(Round(turns, _parts(job, statements, site, bench)))
    return Measurement(job.name, rounds, {"statements": len(statements.texts)})


def turn_of(job: Job, service: Gunicorn, bench: Bench, connections: int = CONNECTIONS) -> Turn:
    """One turn of a job."""
    asked = job.asked(bench.seconds)
    if job.warmed:
        warm(bench, service, asked)
    load = Load(bench.seconds, connections, once=job.once, count=job.count)
    wait_until_idle(service.workers)
    with job.meanwhile():
        return turn_now(bench, service, asked, load)


def _statements_of(job: Job, site: Site) -> Statements:
    first, second = [*job.asked(0), *job.asked(0)][:2]
    before = second if job.warmed else first
    return in_a_process_of_its_own(statements_of, site.settings, before, second)


def _parts(job: Job, statements: Statements, site: Site, bench: Bench) -> dict[str, float]:
    parts = {}
    if job.hashes:
        parts["argon2id"] = in_a_process_of_its_own(argon2id, parameters(), bench.seconds)
    if statements.texts:
        parts["statements"] = in_a_process_of_its_own(
            seconds_of, statements, site.database, PART_SECONDS
        )
    return parts
