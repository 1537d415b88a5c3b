"""The services of docker-compose.yaml as plain processes, with the very commands it gives them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from dev.processes import end, kill

CHECKOUT = Path(__file__).parents[2]
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
# Where Debian has what is not on everybody's path, and first what this program runs with.
FOLDERS = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"]
FOLDERS += [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
PATH = ":".join(FOLDERS)
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


class Places:
    """Where on this machine what the file names is: its paths, its addresses and its variables."""

    def __init__(self, places: Mapping[str, str], variables: Mapping[str, str]):
        self._places = dict(places)
        self._variables = dict(variables)
        longest_first = sorted(map(re.escape, places), key=len, reverse=True)
        self._named = re.compile("|".join(longest_first))

    def find(self, text: str) -> str:
        """The text with everything it names in its place here."""
        filled = VARIABLE.sub(self._value, text)
        return self._named.sub(lambda match: self._places[match[0]], filled)

    def _value(self, match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name is None:
            return "$"
        return self._variables.get(name, rest) if kind == "-" else self._variables[name]


class Container:
    """A service of the file as a process.

    :param further: arguments that it needs on this machine only.
    :param variables: the same for its environment.
    """

    def __init__(
        self,
        name: str,
        places: Places,
        folder: Path,
        further: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        **options: Any,
    ):
        self.log = folder / f"{name}.log"
        self._service = COMPOSE["services"][name]
        self._places = places
        self._further = further
        self._variables = dict(variables or {})
        self._options = options

    def start(self) -> None:
        """Start it and do not wait."""
        given = self._service.get("entrypoint", []) + self._service["command"]
        command = [*map(self._places.find, given), *self._further]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop it.
                start_new_session=True,
                **self._options,
            )

    def run(self) -> int:
        """Let it do what it does once; gives its exit status."""
        self.start()
        return self.process.wait(60)

    def stop(self) -> int:
        """End it by the signal that Docker would send; gives its exit status."""
        if self.process.poll() is None:
            first = psutil.Process(self.process.pid)
            rest = first.children(recursive=True)
            end([first], signal.Signals[self._service.get("stop_signal", "SIGTERM")], seconds=15)
            kill(rest)
        return self.process.wait()

    def environment(self) -> dict[str, str]:
        """Its variables here."""
        given = self._service.get("environment", {})
        named = {name: self._places.find(value) for name, value in given.items()}
        # Docker sets the first; a health check uses it.
        return (
            os.environ | {"HOSTNAME": os.uname().nodename, "PATH": PATH} | self._variables | named
        )

    def is_healthy(self) -> bool:
        """What its health check says."""
        kind, *test = map(self._places.find, self._service["healthcheck"]["test"])
        check = subprocess.run(
            ["sh", "-c", *test] if kind == "CMD-SHELL" else test,
            cwd=CHECKOUT,
            env=self.environment(),
            capture_output=True,
            timeout=30,
        )
        return check.returncode == 0

    def logged(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text()
