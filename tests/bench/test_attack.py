"""The attacks run, and say when a bound is exceeded."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter

import pytest

from bench.attacks import new_routes, raw_http, variants
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
    """docs/attacks.md lists each; no two have the same name."""
    text = " ".join((DOCUMENTS / "docs" / "attacks.md").read_text().split())
    names = [f"{variant.where}: {variant.name}" for variant in variants.VARIANTS]
    assert len(names) == len(set(names)) >= 30
    assert [name for name in names if name.partition(": ")[2] not in text] == []


@pytest.mark.parametrize("make", [new_routes._picture, new_routes._oembed, new_routes._history])
def test_the_requests_of_a_crowd_can_be_sent(make: new_routes.Request) -> None:
    """Each is a path of one line, they differ, and the same seed gives the same."""
    paths = [make(random.Random(seed)) for seed in range(100)]
    assert paths == [make(random.Random(seed)) for seed in range(100)]
    assert len(set(paths)) > 50
    for path in paths:
        assert raw_http.get(path).count(b"\r\n") == 3
        assert path.startswith("/")
        assert " " not in path


def test_an_attack_fails_with_the_server_and_not_with_its_own_waiting() -> None:
    statuses = Counter({200: 5, 0: 3, 429: 2, 501: 1, 503: 1})
    storm = new_routes.Storm(statuses, [0.1], 0, 1024, 0.0005)
    assert all(one.holds for one in new_routes._outcomes("a", "api", storm, cpu=0.003))
    storm.statuses[500] = 1
    failed = [one for one in new_routes._outcomes("a", "api", storm, cpu=0.003) if not one.holds]
    assert [(one.value, one.bound) for one in failed] == [(1, 0)]
