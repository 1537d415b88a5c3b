"""Servers for the length of a block, when it never begins."""

from pathlib import Path

import pytest

from dev.ports import is_free
from dev.running import Running
from dev.valkey import Valkey


class Interrupted(Valkey):
    """One that somebody loses patience with."""

    def is_ready(self) -> bool:
        if super().is_ready():
            raise KeyboardInterrupt
        return False


def test_a_start_that_is_interrupted_leaves_no_process(tmp_path: Path) -> None:
    server = Interrupted(tmp_path / "valkey")
    with pytest.raises(KeyboardInterrupt), Running(server):
        pytest.fail("it has not started")
    assert is_free(server.port)
