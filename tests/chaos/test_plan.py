"""The schedule of faults: repeatable, within its time, and of every kind."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from chaos.faults import WAYS
from chaos.plan import (
    CLUSTER_KINDS,
    DURABLE_KINDS,
    FORGETTING,
    KINDS,
    LONG,
    LONG_KINDS,
    RETURNING_OLDER,
    Fault,
    plan,
    plan_durable,
)


def test_the_same_seed_gives_the_same_faults() -> None:
    """A failure can be seen again."""
    assert plan(7, 30) == plan(7, 30)
    assert plan(7, 30) != plan(8, 30)


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_healed_in_time(seed: int) -> None:
    """No fault lasts longer than the run, and nothing is broken twice at once."""
    by_target: dict[str, list[Fault]] = defaultdict(list)
    for fault in plan(seed, 15):
        assert fault.at + fault.seconds <= 15
        by_target[fault.target].append(fault)
    for faults in by_target.values():
        for earlier, later in itertools.pairwise(faults):
            assert earlier.at + earlier.seconds < later.at


def test_every_kind_comes_up() -> None:
    """Each kind of fault has a way to be done, and ten short runs have all of them."""
    kinds = {kind.name for kind in KINDS}
    of_cluster = {kind.name for kind in CLUSTER_KINDS}
    long_kinds = {kind.name for kind in LONG_KINDS}
    of_durable = {kind.name for kind in DURABLE_KINDS}
    assert kinds | of_cluster | long_kinds | of_durable == WAYS.keys()
    assert {fault.kind for fault in plan(1, LONG)} >= long_kinds
    assert {fault.kind for seed in range(1, 11) for fault in plan(seed, 15)} == kinds


def test_a_cluster_has_faults_of_its_own() -> None:
    """They take the place of those of a single Redis."""
    planned = {fault.kind for seed in range(1, 11) for fault in plan(seed, 15, cluster=True)}
    of_one_server = {kind.name for kind in KINDS if kind.name.startswith("redis_")}
    of_cluster = {kind.name for kind in CLUSTER_KINDS}
    assert planned == {kind.name for kind in KINDS} - of_one_server | of_cluster
    assert set(FORGETTING) | set(RETURNING_OLDER) <= of_one_server | of_cluster


def test_the_durable_redis_has_faults_of_its_own() -> None:
    """Beside the others, which stay as they are."""
    planned = [fault for seed in range(1, 21) for fault in plan_durable(seed, 15)]
    assert {fault.kind for fault in planned} == {kind.name for kind in DURABLE_KINDS}
    assert all(fault.target.endswith("durable") for fault in planned)
    assert plan_durable(7, 30) == plan_durable(7, 30)


def test_one_kind_alone() -> None:
    """A run may be narrowed down."""
    assert {fault.target for fault in plan(1, 30, "redis_")} == {"redis"}
