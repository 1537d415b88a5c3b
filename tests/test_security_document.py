"""docs/security.md answers for everything it is held against, and names tests that exist."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

DOCUMENT = (CHECKOUT / "docs/security.md").read_text()
# Of the sections of each chapter of ASVS 5.0.0, how many requirements are of level 1, and how many
# of level 1 or 2. In a section those of level 1 come first, and those of level 3 last.
CHAPTERS = {
    1: "0/2 5/9 2/11 0/3 1/2",
    2: "1/3 2/3 1/4 0/1",
    3: "0/0 2/2 1/4 2/6 3/5 0/0 0/2",
    4: "1/3 0/1 0/2 1/4",
    5: "0/1 2/3 2/2 0/3",
    6: "1/3 8/12 2/4 2/4 0/5 0/3 0/0 0/4",
    7: "0/3 4/4 0/2 2/5 0/2 0/2",
    8: "1/2 2/3 1/1 0/1",
    9: "3/3 1/4",
    10: "0/2 0/2 0/4 5/11 0/5 0/2 0/3",
    11: "0/2 0/3 2/3 1/4 0/1 0/1",
    12: "1/3 2/2 0/4",
    13: "0/1 0/5 0/2 1/5",
    14: "0/2 1/4 1/3",
    15: "1/3 1/3 1/7",
    16: "0/1 0/5 0/4 0/3 0/3",
    17: "0/1 0/4 0/2",
}
RISKS = [f"API{number}:2023" for number in range(1, 11)]
NUMBERS = re.compile(r"([\d.]+)\.(\d+)(?:-\1\.(\d+))?")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
HOLDERS = re.compile(rf"(`{TEST.pattern}`|`make lint`|review)")


def test_every_requirement_of_the_first_two_levels_is_answered_for_once() -> None:
    answered = Counter(number for numbers, *_ in rows_of_asvs() for number in numbers)
    assert answered == Counter(requirements(level=2))


def test_every_answer_is_of_a_known_kind() -> None:
    kinds = {kind for _, _, kind, *_ in rows_of_asvs()}
    assert kinds == {"met", "n/a", "deployment", "otherwise", "open"}


def test_what_is_met_is_held_by_something() -> None:
    for numbers, _, kind, _, held_by in rows_of_asvs():
        if kind == "met":
            assert all(map(HOLDERS.fullmatch, held_by.split(", "))), numbers


def test_whatever_is_open_is_told_apart_from_the_rest() -> None:
    told = {number for cells in rows(section("Open")) for number in expanded(cells[0])}
    assert told == answered_by("open")


def test_whatever_is_otherwise_has_its_reason() -> None:
    assert answered_by("otherwise") <= set(expanded(section("Deliberately otherwise")))


def test_nothing_of_the_first_level_is_open() -> None:
    assert answered_by("open").isdisjoint(requirements(level=1))


def test_each_of_the_ten_risks_is_answered_for_once() -> None:
    risks = [cells[0].split()[0] for cells in rows(section("API Security Top 10"))]
    assert risks == RISKS


@pytest.mark.parametrize("document", sorted(CHECKOUT.glob("docs/*.md")), ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    named = set(TEST.findall(document.read_text()))
    assert {(file, test) for file, test in named if test not in names_in(file)} == set()


def requirements(level: int) -> set[str]:
    """Those up to this level, by their numbers."""
    return {
        f"{chapter}.{section}.{number}"
        for chapter, sections in CHAPTERS.items()
        for section, counts in enumerate(sections.split(), start=1)
        for number in range(1, int(counts.split("/")[level - 1]) + 1)
    }


def answered_by(kind: str) -> set[str]:
    return {
        number for numbers, _, given, *_ in rows_of_asvs() for number in numbers if given == kind
    }


def rows_of_asvs() -> Iterator[tuple[list[str], str, str, str, str]]:
    """Numbers, what they ask for, the kind of the answer, the answer, and what holds it."""
    for numbers, asks, kind, answer, held_by in rows(section("ASVS 5.0.0, levels 1 and 2")):
        yield expanded(numbers), asks, kind, answer, held_by


def rows(text: str) -> list[list[str]]:
    """The cells of the rows of its tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [row for row in cells if re.match(r"\d|API", row[0])]


def expanded(text: str) -> list[str]:
    """`1.2.6-1.2.8, 1.3.1` is four numbers."""
    return [
        f"{section}.{number}"
        for section, first, last in NUMBERS.findall(text)
        for number in range(int(first), int(last or first) + 1)
    ]


def section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names_in(file: str) -> set[str]:
    path = CHECKOUT / file
    nodes = ast.parse(path.read_text()).body if path.exists() else []
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
