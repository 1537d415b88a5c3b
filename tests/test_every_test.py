"""No test is left out of all the commands that run tests."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import CHECKOUT


def test_every_test_is_run_by_one_of_the_commands() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    by_default = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    apart = re.findall(r"\btests/[\w/]+", (CHECKOUT / "Makefile").read_text())
    assert files_in([*by_default, *apart]) == files_in(["tests"])


def files_in(places: Iterable[str]) -> set[Path]:
    """The files with tests that are these or below them."""
    found = (path for place in places for path in CHECKOUT.glob(place))
    return {file for path in found for file in [path, *path.rglob("*")] if is_of_tests(file)}


def is_of_tests(file: Path) -> bool:
    return file.match("test_*.py")
