"""The memory of a worker as it answers more and more."""

from itertools import chain

from bench.jobs import People
from bench.load import Load, answers_to
from bench.measuring import Bench
from bench.progress import counted
from bench.requests import Request
from bench.servers import Gunicorn
from bench.usage import memory

STEPS = 10
# At a million users, a hundred thousand requests.
USERS_PER_REQUEST = 10
# One in so many is a log-in, where there are any.
SELDOM = 100

Sample = dict[str, float]


def of_reads(who: People, service: Gunicorn, bench: Bench) -> list[Sample]:
    """While it answers reads of every kind."""
    return _samples(_reads(who), who, service, bench, "memory, reads")


def with_log_ins(who: People, service: Gunicorn, bench: Bench) -> list[Sample]:
    """While log-ins are among them."""
    asked = _reads(who)
    for log_in, place in zip(who.log_ins(), range(0, len(asked), SELDOM), strict=False):
        asked[place] = log_in
    return _samples(asked, who, service, bench, "memory, log-ins too")


def _reads(who: People) -> list[Request]:
    others = [who.own(path)(0)[0] for path in ("/auth/me", "/referral/code", "/referral/codes")]
    others += who.page(100)(0)
    return list(chain.from_iterable((look_up, *others) for look_up in who.cached_look_ups()))


def _samples(
    asked: list[Request], who: People, service: Gunicorn, bench: Bench, label: str
) -> list[Sample]:
    """What the worker holds at the start and after each tenth of the requests, in MiB."""
    step = who.site.users // USERS_PER_REQUEST // STEPS
    samples = [{"requests": 0.0} | memory(service.worker)]
    for number in counted(range(1, STEPS + 1), label):
        answers_to(asked, service.url, Load(bench.seconds, count=step), bench.folder)
        samples.append({"requests": float(number * step)} | memory(service.worker))
    return samples
