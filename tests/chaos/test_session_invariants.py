"""Sessions at Discord: two at once are noticed, and wasted identifies."""

from __future__ import annotations

import pytest

from chaos.plan import Fault
from chaos.session_invariants import SessionInvariants, most_identifies
from simulator.server import Simulator


def fault(kind: str, target: str = "discord", seed: int = 0) -> Fault:
    return Fault(1.0, kind, target, 3.0, seed)


def looked(*times: tuple[float, dict[int, set[str]]]) -> list[str]:
    identities = SessionInvariants(Simulator().sessions)
    for now, live in times:
        identities.look(now, live)
    return identities.wrong


def test_two_sessions_at_once_are_seen() -> None:
    """Whichever two of them, when it is for longer than a lease."""
    assert looked((0.0, {0: {"a", "b"}}), (6.0, {0: {"b", "c"}}), (10.1, {0: {"b", "c"}})) == [
        "shard 0 had 2 sessions at once for 10 s"
    ]


def test_one_session_a_shard_is_right() -> None:
    assert looked(*((float(now), {0: {"a"}, 1: {"b"}}) for now in range(60))) == []


@pytest.mark.parametrize("between", [{}, {0: {"b"}}, {1: {"c"}}])
def test_one_that_ends_while_another_begins_is_right(between: dict[int, set[str]]) -> None:
    """A dead connection is noticed only after a while."""
    both = {0: {"a", "b"}}
    assert looked((0.0, both), (9.0, both), (9.1, between), (9.2, both), (19.0, both)) == []


def test_where_no_session_ends_one_identify_is_enough() -> None:
    """For each shard, whatever happens to the gateways."""
    faults = [
        fault("gateway_killed", "gateway"),
        fault("process_ended", "standby"),
        fault("discord_reset"),
        fault("link_cut", "gateway>discord"),
        fault("link_silent", "gateway>redis"),
        fault("process_stopped", "api-1"),
        fault("redis_paused", "redis"),
    ]
    assert most_identifies(faults, 1) == 1
    assert most_identifies(faults, 2) == 2


@pytest.mark.parametrize(
    ("forcing", "most"),
    [
        (fault("discord_invalid"), 2),
        (fault("discord_roster_limited"), 3),
        (fault("redis_emptied", "redis"), 3),
        (fault("process_stopped", "gateway"), 3),
        (fault("link_silent", "standby>discord"), 2),
    ],
)
def test_each_session_that_ends_costs_an_identify(forcing: Fault, most: int) -> None:
    """And one more where the process that identified may be killed before the checkpoint."""
    assert most_identifies([forcing], 1) == most
    killed = fault("gateway_killed", "gateway")
    assert most_identifies([forcing, killed], 1) <= most + 1


def test_a_close_code_costs_one_only_where_it_ends_the_session() -> None:
    costs = {most_identifies([fault("discord_close_code", seed=seed)], 1) for seed in range(50)}
    assert costs == {1, 2}
