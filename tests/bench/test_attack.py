"""The attacks run, and say when a bound is exceeded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.attacks import variants
from bench.attacks.outcome import Outcome, percentile
from testing.process import ROOT, clean_environment
from tests.bench.test_bench import measures
from tests.documents import ROOT as DOCUMENTS


@measures
def test_an_attack_shows_its_figures() -> None:
    """One of the short ones; the exit status says whether all bounds are kept."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.attack", "--only", "malformed_heads"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,  # only so that a hang ends
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[2:] == [
        "| a head of 100 KB in one write; no Host; two Hosts; an encoded slash in the route "
        "| accepted | 0 | ≤ 0 |"
    ]


@pytest.mark.parametrize(
    ("value", "at_least", "holds"),
    [(9.0, False, True), (10.0, False, True), (11.0, False, False), (9.0, True, False)],
)
def test_a_bound_is_kept_or_not(value: float, at_least: bool, holds: bool) -> None:
    """The row says so."""
    outcome = Outcome(attack="a", figure="f", value=value, unit="ms", bound=10, at_least=at_least)
    assert outcome.holds == holds
    assert ("exceeded" in outcome.row) != holds


def test_nothing_measured_keeps_no_bound() -> None:
    assert percentile([], 0.99) == float("inf")
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0


def test_the_documented_variants_are_those_that_are_run() -> None:
    """docs/reliability.md lists each; no two have the same name."""
    text = " ".join((DOCUMENTS / "docs" / "reliability.md").read_text().split())
    names = [f"{variant.where}: {variant.name}" for variant in variants.VARIANTS]
    assert len(names) == len(set(names)) >= 30
    assert [name for name in names if name.partition(": ")[2] not in text] == []
