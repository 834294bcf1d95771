"""What `make audit` reports for pip-audit's findings."""

from __future__ import annotations

from typing import Any

from services.run.audit import UNKNOWN, VULNERABLE, verdict

SAFE = {"name": "uvloop", "version": "1.0", "vulns": []}
SKIPPED = {"name": "yarl", "skip_reason": "Dependency not found on PyPI"}
VULNERABILITY = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": "text"}


def test_no_vulnerability() -> None:
    assert verdict([SAFE]) == ("audit: no known vulnerability in 1 pinned dependencies", 0)


def test_a_vulnerability() -> None:
    """Reported once, however many locks pin it, even if another dependency was not checked."""
    vulnerable = {**SAFE, "vulns": [VULNERABILITY]}
    text, status = verdict([vulnerable, vulnerable, SKIPPED])
    assert status == VULNERABLE
    assert text.splitlines()[1:] == ["uvloop 1.0: PYSEC-1, fixed in 1.1"]


def test_an_incomplete_check_is_no_success() -> None:
    """If any dependency could not be checked, the status is UNKNOWN."""
    lists: list[list[dict[str, Any]]] = [[], [SKIPPED], [SAFE, SKIPPED]]
    for found in lists:
        text, status = verdict(found)
        assert status == UNKNOWN
        assert "could not be checked" in text
