"""Short runs of the whole thing. `make chaos` runs more of them, and longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import msgspec
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
    settings=0.0,
    choosers=0,
)


# One with a Redis Cluster and two shards: slots move, a master dies.
SHORT_IN_CLUSTER = msgspec.structs.replace(
    SHORT,
    faults_for=3.0,
    quiet_for=1.0,
    people=80,
    rate=20.0,
    clients=15,
    hostile=2,
    shards=2,
    cluster=True,
    only="cluster_",
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Those sockets go here, before the test that comes next is blamed for them."""
    yield
    gc.collect()


@pytest.mark.parametrize(
    ("seed", "size"),
    [(38, SHORT), (54, SHORT), (29, SHORT_IN_CLUSTER)],
    ids=["38", "54", "cluster"],
)
async def test_everything_comes_back(seed: int, size: Size) -> None:
    """After the faults of a seed every reader holds the truth, and nothing was wrong meanwhile."""
    result = await run(seed, size)
    assert result.problems == [], report.line(result)
    assert result.frames > 0
    assert result.convergence.times
    assert result.followed.times
