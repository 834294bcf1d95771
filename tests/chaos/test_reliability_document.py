"""docs/failures.md and docs/reliability.md: each failure has a test, and the figures are right."""

from __future__ import annotations

import re

import pytest

from chaos.plan import KINDS
from tests.documents import ROOT, headings, rows

FAILURES = ROOT / "docs" / "failures.md"
RELIABILITY = ROOT / "docs" / "reliability.md"
ROWS = [row for heading in headings(FAILURES) for row in rows(FAILURES, heading)]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_row_names_a_test_that_is_there(row: list[str]) -> None:
    """A test that was renamed or taken away takes its row along."""
    _failure, _what_happens, cell = row
    file = ""
    for named in cell.split("`, `"):
        path, _, name = named.partition("::")
        file = path or file  # `::name` is in the file of the test before it
        source = (ROOT / file).read_text()
        assert re.search(rf"^(async )?def {re.escape(name)}\(", source, re.MULTILINE), named


def test_the_number_of_kinds_is_right() -> None:
    assert f"{len(KINDS)} kinds" in RELIABILITY.read_text()
