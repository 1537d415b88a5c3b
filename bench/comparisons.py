"""The same job in two circumstances, which are to make little difference."""

from bench.ceilings import turn_of
from bench.jobs import DEEP_LIMIT, People, reads
from bench.load import Load
from bench.measuring import Bench, Measurement, Round, turn, warm
from bench.progress import counted
from bench.servers import Gunicorn

DEEP_PAGE = "first and last page of 20"
SMALL, LARGE = "small", "large"
# So few that what is measured is how long an answer takes, and not how long it waits.
FEW = 4


def pages(who: People, service: Gunicorn, bench: Bench) -> Measurement:
    """The first page of the greatest referrer's people, and the last."""
    first, last = who.page(DEEP_LIMIT)(0), who.page(DEEP_LIMIT, who.last_page)(0)
    warm(bench, service, first)
    rounds = [
        Round(
            {
                "first": turn(bench, service, first, Load(bench.seconds)),
                "last": turn(bench, service, last, Load(bench.seconds)),
            }
        )
        for _ in counted(range(bench.rounds), DEEP_PAGE)
    ]
    return Measurement(DEEP_PAGE, rounds, {"page": who.last_page, "referrals": who.brought})


def sizes(
    small: People, small_service: Gunicorn, large: People, large_service: Gunicorn, bench: Bench
) -> list[Measurement]:
    """Every read of a small database and of a large one."""
    measurements = []
    for of_small, of_large in zip(reads(small), reads(large), strict=True):
        rounds = [
            Round(
                {
                    SMALL: turn_of(of_small, small_service, bench, FEW),
                    LARGE: turn_of(of_large, large_service, bench, FEW),
                }
            )
            for _ in counted(range(bench.rounds), f"{of_small.name} by size")
        ]
        users = {SMALL: small.site.users, LARGE: large.site.users}
        measurements.append(Measurement(of_small.name, rounds, users))
    return measurements
