"""A whole run: fill, serve, load, measure."""

from datetime import UTC, datetime
from time import monotonic

from app.services.demo import PASSWORD
from bench import busy, ceilings, comparisons, memory
from bench.jobs import FRESH, People, all_jobs
from bench.load import has_wrk
from bench.machine import machine, versions
from bench.measuring import Bench, Measurement
from bench.memory import Sample
from bench.results import Results
from bench.servers import service
from bench.site import Site, make
from bench.truth import Changers, Truth

# What a million is held against.
SMALL_USERS = 1000
# Few of those who are looked up all the time.
CHANGERS = 10


def measure(bench: Bench, users: int) -> Results:
    """Measure everything in a database of so many users."""
    started = monotonic()
    small = make("small", SMALL_USERS, SMALL_USERS // 2, bench, number=0)
    large = make("large", users, users * 6 // 10, bench, number=1)
    filled = monotonic()
    jobs, pages, sizes, truth, who = _one_worker(small, large, bench)
    return Results(
        machine=machine(),
        versions=versions(large, bench.backends),
        jobs=jobs,
        pages=pages,
        sizes=sizes,
        busy=_two_workers(who, bench),
        memory=_over_time(who, bench),
        truth=truth,
        run=_about(small, large, who, bench)
        | {
            "minutes": round((monotonic() - started) / 60, 1),
            "filling": round((filled - started) / 60, 1),
        },
    )


def _one_worker(
    small: Site, large: Site, bench: Bench
) -> tuple[list[Measurement], Measurement, list[Measurement], Truth, People]:
    with service(bench.folder / "service", large.settings) as serving:
        who = People(large, serving.url, PASSWORD)
        changers = Changers(serving.url, who.known[:CHANGERS], PASSWORD)
        jobs = all_jobs(who, changers.at_work)
        with ceilings.bare_answers(jobs, large, serving, bench) as bare:
            measured = [ceilings.measure(job, large, serving, bare, bench) for job in jobs]
        pages = comparisons.pages(who, serving, bench)
        with service(bench.folder / "small-service", small.settings) as other:
            few = People(small, other.url, PASSWORD)
            sizes = comparisons.sizes(few, other, who, serving, bench)
    return measured, pages, sizes, changers.truth, who


def _two_workers(who: People, bench: Bench) -> list[Measurement]:
    with service(bench.folder / "two-workers", who.site.settings, workers=2) as serving:
        return [busy.apart(who, serving, bench), busy.mixed(who, serving, bench)]


def _over_time(who: People, bench: Bench) -> dict[str, list[Sample]]:
    with service(bench.folder / "fresh-service", who.site.settings) as serving:
        return {
            "reads": memory.of_reads(who, serving, bench),
            "reads and log-ins": memory.with_log_ins(who, serving, bench),
        }


def _about(small: Site, large: Site, who: People, bench: Bench) -> dict[str, str | int | float]:
    return {
        "date": f"{datetime.now(UTC):%d %B %Y}",
        "generator": "wrk" if has_wrk() else "a generator in Python, as there is no wrk",
        "users": large.users,
        "referrals": large.referrals,
        "small_users": small.users,
        "small_referrals": small.referrals,
        "rounds_each": bench.rounds,
        "seconds": f"{bench.seconds:g}",
        "fresh": FRESH,
        "warm": len(who.known),
    }
