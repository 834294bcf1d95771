"""What a client that keeps up has to be shown: gaps are seen, and those that are none are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chaos.clients.reader import ClientPopulation, ClientProfile, Reader
from chaos.facts import NOTHING, Seen
from chaos.fault_window import MACHINE, FaultWindow, on_the_way
from chaos.gaps import At, Watched, due, gaps
from chaos.history import History
from chaos.rollback_tracker import RollbackTracker
from simulator.people import population
from simulator.world import World

STOOD = 1.0
STATES = [Seen("online", None, (), f"#{number}") for number in range(5)]
PUBLISHED = [At(10.0 * number, state) for number, state in enumerate(STATES)]


def watched(*states: int, windows: Sequence[FaultWindow] = (), begins: float = 0.0) -> Watched:
    """Told of these states, each a moment after it was published."""
    return Watched([At(begins or 10.0 * one + 0.1, STATES[one]) for one in states], windows)


def test_everything_was_shown() -> None:
    assert gaps(PUBLISHED, watched(0, 1, 2, 3, 4), STOOD) == []
    assert [state.seen for state, _ in due(PUBLISHED, watched(0, 1, 2, 3, 4), STOOD)] == STATES[1:4]


def test_what_stood_for_long_and_was_not_shown_is_a_gap() -> None:
    assert "#2" in gaps(PUBLISHED, watched(0, 1, 3), STOOD)[0]
    assert len(gaps(PUBLISHED, watched(0, 4), STOOD)) == 3


def test_what_was_replaced_at_once_may_be_skipped() -> None:
    assert gaps(PUBLISHED, watched(0, 1, 3), stood=10.5) == []


def test_what_may_still_come_is_no_gap() -> None:
    """Whether the newest state comes in the end is for the comparison with the truth."""
    assert gaps(PUBLISHED, watched(0, 1), STOOD) == []


def test_what_was_before_the_first_frame_is_no_gap() -> None:
    assert gaps(PUBLISHED, watched(2, 3), STOOD) == []


def test_what_was_shown_earlier_and_stands_again_is_no_gap() -> None:
    """Redis was emptied, and the gateway wrote the same once more."""
    again = [At(0.0, STATES[0]), At(10.0, STATES[1]), At(20.0, None), At(20.1, STATES[1])]
    told = Watched([At(0.1, STATES[0]), At(10.1, STATES[1]), At(30.1, STATES[2])], ())
    assert gaps([*again, At(30.0, STATES[2])], told, STOOD) == []


def test_what_came_after_the_user_was_gone_is_no_gap() -> None:
    """Nothing follows `user_not_monitored`; the client has to connect again."""
    told = Watched([*watched(0, 1).told, At(15.0, None)], ())
    assert gaps(PUBLISHED, told, STOOD) == []


def test_nothing_is_a_state_like_any_other() -> None:
    published = [At(0.0, NOTHING), At(10.0, STATES[1]), At(20.0, NOTHING), At(30.0, STATES[3])]
    told = [At(0.1, NOTHING), At(10.1, STATES[1]), At(30.1, STATES[3])]
    assert len(gaps(published, Watched(told, ()), STOOD)) == 1


@pytest.mark.parametrize(
    ("window", "count"),
    [
        (FaultWindow("ws-1", 19.0, 21.5), 0),
        (FaultWindow("ws-1", 21.5, 22.0), 0),
        (FaultWindow("ws-1", 14.0, 18.5), 0),
        (FaultWindow("ws-1", 22.5, 30.0), 1),
        (FaultWindow("ws-1", 10.0, 17.0), 1),
    ],
)
def test_what_came_while_the_way_was_broken_is_no_gap(window: FaultWindow, count: int) -> None:
    """Until two seconds after it was published, and from two before it on."""
    assert len(gaps(PUBLISHED, watched(0, 1, 3, windows=[window]), STOOD)) == count


def test_only_what_is_broken_on_the_way_counts() -> None:
    """From Redis over the client's own `ws`. And a machine without time for the client."""
    targets = ["redis", "ws-1>redis", "ws-1", "clients>ws-1", MACHINE]
    others = ["ws-2>redis", "ws-2", "clients>ws-2", "gateway", "gateway>redis", "discord", "people"]
    windows = [FaultWindow(target, 0.0, 1.0) for target in [*targets, *others]]
    assert [window.target for window in on_the_way(windows, 0)] == targets


@pytest.mark.parametrize(
    ("profile", "until"),
    [
        (ClientProfile("normal"), []),
        (ClientProfile("slow", pause=0.4), [25.0]),
        (ClientProfile("overtaken", pause=2.0, small_buffer=True), [float("inf")]),
    ],
)
def test_a_slow_client_keeps_up_once_it_reads_on(
    profile: ClientProfile, until: list[float]
) -> None:
    """One with next to no buffer never does: `ws` has to wait for the run itself to read."""
    history = History(World(*population(5, 1, 1, 1_784_053_200_000)))
    crowd = ClientPopulation(history, [1], [2], RollbackTracker(), calm_since=25.0)
    reader = Reader(crowd, 0, profile, (), 1)
    assert [window.ended for window in reader.slow()] == until
