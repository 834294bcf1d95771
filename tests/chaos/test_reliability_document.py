"""docs/reliability.md: behind each row of its table stands a test, or several."""

from __future__ import annotations

import re

import pytest

from chaos.plan import KINDS
from tests.documents import ROOT, rows

DOCUMENT = ROOT / "docs" / "reliability.md"
ROWS = rows(DOCUMENT, "Failures and what follows")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_row_names_a_test_that_is_there(row: list[str]) -> None:
    """A test that was renamed or taken away takes its row along."""
    _failure, _what_happens, cell = row
    for named in cell.split("`, `"):
        file, _, name = named.partition("::")
        source = (ROOT / file).read_text()
        assert re.search(rf"^(async )?def {re.escape(name)}\(", source, re.MULTILINE), named


def test_the_number_of_kinds_is_right() -> None:
    assert f"{len(KINDS)} kinds" in DOCUMENT.read_text()
