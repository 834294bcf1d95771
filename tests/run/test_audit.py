"""What `make audit` says of pip-audit's findings."""

from __future__ import annotations

from typing import Any

from services.run.audit import HOLES, UNKNOWN, verdict

WELL = {"name": "uvloop", "version": "1.0", "vulns": []}
SKIPPED = {"name": "yarl", "skip_reason": "Dependency not found on PyPI"}
HOLE = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": "text"}


def test_no_hole() -> None:
    assert verdict([WELL]) == ("audit: no known hole in 1 pinned dependencies", 0)


def test_a_hole() -> None:
    """Once, however many locks pin it; and though something else could not be looked up."""
    sick = {**WELL, "vulns": [HOLE]}
    text, status = verdict([sick, sick, SKIPPED])
    assert status == HOLES
    assert text.splitlines()[1:] == ["uvloop 1.0: PYSEC-1, mended in 1.1"]


def test_nothing_is_known() -> None:
    """What could not be looked up is no good news."""
    lists: list[list[dict[str, Any]]] = [[], [SKIPPED], [WELL, SKIPPED]]
    for found in lists:
        text, status = verdict(found)
        assert status == UNKNOWN
        assert "cannot be reached" in text
