"""Whose fault it is that an answer over REST came late, or not at all."""

from __future__ import annotations

import pytest

from chaos.fault_window import MACHINE, FaultWindow
from chaos.host_stalls import HostStalls
from chaos.latency_check import Latency, unexcused

WITHIN = 2.0
LATE = Latency(100.0, 103.0)
NEVER = Latency(100.0, 100.1, "ServerDisconnectedError()")


def test_an_answer_in_time_is_right() -> None:
    assert unexcused("api-1", [Latency(100.0, 101.9)], [], WITHIN) == []


@pytest.mark.parametrize("wait", [LATE, NEVER])
def test_while_nothing_is_broken_each_answer_comes_in_time(wait: Latency) -> None:
    """Nor is what was broken long before or after, or elsewhere, an excuse."""
    windows = [
        FaultWindow("api-1", 80.0, 90.0),
        FaultWindow("clients>api-1", 104.0, 110.0),
        FaultWindow("api-2", 99.0, 104.0),
        FaultWindow("gateway", 99.0, 104.0),
        FaultWindow("ws-1>redis", 99.0, 104.0),
    ]
    assert unexcused("api-1", [wait], windows, WITHIN) == [f"api-1 {wait}"]


@pytest.mark.parametrize(
    ("target", "late", "never"),
    [
        ("api-1", True, True),
        ("clients>api-1", True, True),
        ("redis", True, False),
        ("api-1>redis", True, False),
        ("profiles", True, False),
        ("people", True, False),
        (MACHINE, True, False),
    ],
)
def test_what_is_broken_on_the_way_is_an_excuse(target: str, late: bool, never: bool) -> None:
    """But what is behind the process is none for not answering at all."""
    windows = [FaultWindow(target, 99.0, 104.0)]
    assert (unexcused("api-1", [LATE], windows, WITHIN) == []) is late
    assert (unexcused("api-1", [NEVER], windows, WITHIN) == []) is never


def test_a_stalled_machine_is_noticed() -> None:
    """Which has to be late by more than it usually is."""
    machine = HostStalls()
    for slept, woken in ((0.0, 0.06), (0.06, 0.2), (0.2, 3.0), (3.0, 3.05)):
        machine.look(slept, woken)
    assert machine.windows == [FaultWindow(MACHINE, 0.2, 3.0)]
    assert machine.total_s == pytest.approx(2.8)


@pytest.mark.parametrize(
    ("began", "ended", "given"),
    [(0.0, 4.0, 3.0), (0.0, 1.0, 1.0), (2.5, 4.0, 1.0), (2.5, 2.75, 0.0), (3.0, 4.0, 1.0)],
)
def test_only_what_the_machine_gave_counts(began: float, ended: float, given: float) -> None:
    machine = HostStalls()
    machine.look(2.0, 3.0)
    assert machine.given_s(began, ended) == pytest.approx(given)


def test_small_delays_are_noted_too() -> None:
    """A machine that is always a little late takes a second as well as one that stops."""
    machine = HostStalls()
    for slept, woken in ((0.0, 0.06), (0.06, 0.2)):
        machine.look(slept, woken)
    assert machine.windows == []
    (delay,) = machine.delays
    assert (delay.target, delay.ended) == (MACHINE, 0.2)
    assert delay.began == pytest.approx(0.11)
