"""What is counted where the disk is full."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from app.reserved import FIRST_SIZE, ReservedDict
from tests.conftest import CHECKOUT

COUNT = """
from app import metrics
for number in range({}):
    metrics.part_failures.labels(f"part {{number}}").inc()
print(metrics.exposition({{}}).count(b"\\nreferral_part_failures_total"))
"""


def test_with_room_everything_is_counted(tmp_path: Path) -> None:
    assert counted(1000, tmp_path, resource.RLIM_INFINITY) == 1000
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > FIRST_SIZE


def test_a_file_has_no_holes(tmp_path: Path) -> None:
    counted(1000, tmp_path, resource.RLIM_INFINITY)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_blocks * 512 >= file.stat().st_size


def test_what_a_file_holds_already_is_counted_on(tmp_path: Path) -> None:
    file = str(tmp_path / "counts.db")
    for number in range(3):
        counts = ReservedDict(file)
        assert counts.read_value("a") == (number, 0.0)  # type: ignore[no-untyped-call]
        counts.write_value("a", number + 1, 0.0)  # type: ignore[no-untyped-call]
        counts.close()  # type: ignore[no-untyped-call]


def test_a_file_has_no_holes_wherever_an_entry_meets_its_end(tmp_path: Path) -> None:
    for length in range(8, 40):
        file = tmp_path / f"{length}.db"
        counts = ReservedDict(str(file))
        for number in range(FIRST_SIZE // (length + 16) + 1):
            counts.write_value(f"{number:0{length}}", 1.0, 0.0)
        counts.close()  # type: ignore[no-untyped-call]
        assert file.stat().st_size == 2 * FIRST_SIZE
        assert file.stat().st_blocks * 512 >= file.stat().st_size, length


def test_without_room_for_a_file_the_process_goes_on_and_leaves_none(tmp_path: Path) -> None:
    assert counted(1000, tmp_path, FIRST_SIZE - 1) == 0
    assert list(tmp_path.iterdir()) == []


def test_without_room_for_more_what_was_counted_can_be_read(tmp_path: Path) -> None:
    assert 0 < counted(1000, tmp_path, FIRST_SIZE) < 1000
    (file,) = tmp_path.iterdir()
    assert all(value == 1 for _, value, _, _ in MmapedDict.read_all_values_from_file(str(file)))


def counted(number: int, folder: Path, room: int) -> int:
    """How many of so many counts are seen at /metrics, where a file may be of this size."""
    run = subprocess.run(
        [sys.executable, "-c", COUNT.format(number)],
        cwd=CHECKOUT,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)
