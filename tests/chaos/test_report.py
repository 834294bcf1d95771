"""What is printed of a run: enough to see it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import report
from chaos.checker import Convergence
from chaos.run import Result, Size


def result(seed: int, size: Size) -> Result:
    """Of a seed that failed."""
    return Result(seed, size, [], ["wrong"], Convergence([], []), Convergence([], []))


@pytest.mark.parametrize(
    ("size", "command"),
    [
        (Size(), "make chaos SEEDS=7"),
        (Size(faults_for=60.0), "make chaos SEEDS=7 MINUTES=1"),
        (
            Size(faults_for=30.0, burst=5000, shards=2, only="redis_"),
            'make chaos SEEDS=7 SHARDS=2 MINUTES=0.5 ARGS="--burst 5000 --only redis_"',
        ),
        (Size(cluster=True, shards=2), "make chaos SEEDS=7 CLUSTER=1 SHARDS=2"),
    ],
)
def test_the_command_does_the_same_again(size: Size, command: str, tmp_path: Path) -> None:
    """Whatever differs from the defaults is in it."""
    failed = result(7, size)
    assert report.failure(failed, tmp_path).endswith(f"again: {command}")


def test_the_command_of_all_that_failed(tmp_path: Path) -> None:
    size = Size(shards=2)
    summary = report.summary([result(3, size), result(8, size)])
    assert summary.endswith("failed: make chaos SEEDS=3,8 SHARDS=2")
