"""The processes of a deployment together, as talkative as they get, and what they have written."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tests.deployed.service import Service
from tests.deployed.worker import Part

Line = dict[str, Any]


class Deployment:
    """gunicorn, a worker and beat, for the length of a `with` block.

    :param others: the logs of the servers behind them.
    """

    def __init__(self, settings: Path, folder: Path, *others: Path):
        environment = {
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "counts"),
            "GUNICORN_CMD_ARGS": "--log-level=debug",
        }
        self.service = Service(settings, folder, environment)
        self.worker = Part(self.service, folder, "worker", "--loglevel=DEBUG")
        self._beat = Part(self.service, folder, "beat", "--loglevel=DEBUG")
        self._others = others

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for part in (self.service, self.worker, self._beat):
                starting.enter_context(part)
            self._parts = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def written(self) -> str:
        """Everything that was written anywhere."""
        return self._logged() + "".join(log.read_text() for log in self._others)

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of our own processes, read once they have ended."""
        return [json.loads(line) for line in self._logged().splitlines()]

    def about(self, request_id: str, logger: str) -> Iterator[Line]:
        """What this logger said of a request."""
        for line in self.lines:
            if line.get("request_id") == request_id and line["logger"] == logger:
                yield line

    def _logged(self) -> str:
        return self.service.logged() + self.worker.logged() + self._beat.logged()
