"""docs/faults.md is true: every fault has a row, and every test that a row names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text()
FAULTS = 36


def rows() -> dict[int, str]:
    """Return the rows of the table by number."""
    found = re.findall(r"^\| (\d+) \|(.*)\|$", TABLE, re.MULTILINE)
    return {int(number): rest for number, rest in found}


def named_in(row: str) -> list[tuple[str, str]]:
    """Return file and name of the tests that a row names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)


def test_every_fault_has_one_row_with_a_test() -> None:
    assert list(rows()) == list(range(1, FAULTS + 1))
    assert all(named_in(row) for row in rows().values())


@pytest.mark.parametrize("number", sorted(rows()))
def test_the_named_in_a_fault_exist(number: int) -> None:
    for file, name in named_in(rows()[number]):
        source = (ROOT / file).read_text()
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{file}::{name}"


def test_the_files_that_stand_beside_the_table_exist() -> None:
    assert all((ROOT / path).exists() for path in re.findall(r"`(tests/[\w/.]+)`", TABLE))
