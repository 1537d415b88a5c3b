"""When Prometheus tells somebody."""

import shutil
import subprocess
from pathlib import Path

from tests.system.compose import CHECKOUT

PROMETHEUS = CHECKOUT / "deploy" / "prometheus"
CASES = Path(__file__).with_name("alerts.yml")


def test_every_fault_is_told_of_and_nothing_else(tmp_path: Path) -> None:
    for file in (PROMETHEUS / "rules.yml", CASES):
        shutil.copy(file, tmp_path)
    run = promtool("test", "rules", str(tmp_path / CASES.name))
    assert run.returncode == 0, run.stdout


def test_the_configuration_of_prometheus_is_sound() -> None:
    run = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert run.returncode == 0, run.stdout


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
