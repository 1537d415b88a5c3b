"""The service on several machines, and what becomes of it when they are lost."""

from collections.abc import Iterator

import httpx
import pytest

from dev.running import temporary_folder
from tests.deployed.service import connections_to
from tests.people import People
from tests.system.cluster import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with temporary_folder() as folder, Cluster(folder) as cluster:
        yield cluster


@pytest.fixture
def http(cluster: Cluster) -> Iterator[httpx.Client]:
    with connections_to(cluster.url) as client:
        yield client


@pytest.fixture
def register(http: httpx.Client) -> People:
    return People(http)


def test_it_works(register: People, http, cluster: Cluster) -> None:
    owner = register()
    code = owner.publish()["code"]
    register(referral_code=code)
    print(owner.get("/referral/referrals").json())
    print(owner.get("/referral/code/by-email", email=owner.email).json())
    for server in cluster.redis:
        r = server.server.client
        print(r.role()[0], {k: r.get(k) for k in r.keys()})
    from dev.waiting import wait_until

    wait_until(lambda: len(cluster.mail_server.mails) >= 3, "mails")
    print(
        cluster.primary.server.run(
            "select application_name, client_port, query, state from pg_stat_activity where usename='referral'"
        )
    )
    print(
        cluster.replica.server.run(
            "select application_name, client_port, query, state from pg_stat_activity where usename='referral'"
        )
    )
