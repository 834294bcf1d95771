"""Two short runs of the whole thing. `make chaos` runs more of them, and longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from chaos import report
from chaos.run import Size, run

# Sockets that are cut in the middle are left to the garbage collector, on purpose.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

# Less of everything, and more time for it: it runs beside whatever else the machine does.
SHORT = Size(
    faults_for=5.0,
    converge_within=90.0,
    followed_within=60.0,
    stood=3.0,
    answered_within=8.0,
    people=280,
    rate=80.0,
    clients=60,
    hostile=6,
    burst=1000,
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Those sockets go here, before the test that comes next is blamed for them."""
    yield
    gc.collect()


@pytest.mark.parametrize("seed", [38, 54])
async def test_everything_comes_back(seed: int) -> None:
    """After the faults of a seed every reader holds the truth, and nothing was wrong meanwhile."""
    result = await run(seed, SHORT)
    assert result.problems == [], report.line(result)
    assert result.frames > 0
    assert result.convergence.times
    assert result.followed.times
