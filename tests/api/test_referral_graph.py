"""A graph of a few hundred people, built by many at once over HTTP and read back whole."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter

import pytest

from tests.pages import pages
from tests.people import People, Person

# Each wave is brought by people of the waves before it, all at the same time.
WAVES = (9, 40, 200)
THREADS = 8
PAGE = 7


class Graph:
    """People, and whom each of them brought as far as they know."""

    def __init__(self, register: People, threads: ThreadPoolExecutor) -> None:
        founder = register()
        self.people: dict[int, Person] = {founder.id: founder}
        self.brought: dict[int, set[int]] = {founder.id: set()}
        self._register = register
        self._threads = threads
        self._random = random.Random(1815)
        self._codes: dict[int, str] = {}

    def grow(self, size: int) -> None:
        """Let so many people more join, each with the code of somebody who is there."""
        referrers = self._choose_referrers(size)
        ways = self._random.choices([self._join_registering, self._join_later], [4, 1], k=size)
        newcomers = self._threads.map(lambda join, referrer: join(referrer), ways, referrers)
        for newcomer, referrer in zip(newcomers, referrers, strict=True):
            self.people[newcomer.id] = newcomer
            self.brought[newcomer.id] = set()
            self.brought[referrer].add(newcomer.id)

    def _choose_referrers(self, size: int) -> list[int]:
        # Whoever brought many brings many more, hence the heavy tail.
        weights = [1 + len(self.brought[id_]) ** 2 for id_ in self.people]
        referrers = self._random.choices(list(self.people), weights, k=size)
        for id_ in set(referrers) - self._codes.keys():
            self._codes[id_] = self.people[id_].publish()["code"]
        return referrers

    def _join_registering(self, referrer: int) -> Person:
        return self._register(referral_code=self._codes[referrer])

    def _join_later(self, referrer: int) -> Person:
        person = self._register()
        response = person.post("/referral/activate", {"code": self._codes[referrer]})
        assert response.json()["referrer"]["id"] == referrer
        return person


def test_every_list_of_a_graph_holds_exactly_who_was_brought(
    graph: Graph, threads: ThreadPoolExecutor
) -> None:
    lists = dict(zip(graph.people, threads.map(read_list, graph.people.values()), strict=True))
    assert {id_: set(listed) for id_, listed in lists.items()} == graph.brought
    assert sum(map(len, lists.values())) == len(graph.people) - 1
    assert max(map(len, lists.values())) > len(graph.people) / 5
    assert_no_cycles(lists)


def read_list(person: Person) -> list[int]:
    """The ids of those the person brought, as the service lists them."""
    first, *further = pages(person, "/referral/referrals", limit=PAGE)
    listed = [row["id"] for page in (first, *further) for row in page["referrals"]]
    assert first["total"] == len(listed)
    return listed


def assert_no_cycles(lists: dict[int, list[int]]) -> None:
    TopologicalSorter(lists).prepare()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as threads:
        yield threads


@pytest.fixture
def graph(register: People, threads: ThreadPoolExecutor) -> Graph:
    graph = Graph(register, threads)
    for size in WAVES:
        graph.grow(size)
    return graph
