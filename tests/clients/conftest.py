"""A service outside for each test."""

from collections.abc import Iterator

import pytest

from tests.stub_server import StubServer


@pytest.fixture
def service() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server
