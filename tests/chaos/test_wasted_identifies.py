"""An identify that a resume would have spared is seen."""

from __future__ import annotations

import pytest

from chaos.fault_window import FaultWindow
from chaos.wasted_identifies import WastedIdentify, WastedIdentifyTracker, unexcused
from simulator.options import Options
from simulator.protocol import Identify
from simulator.server import Simulator

URL = "ws://127.0.0.1/gateway"
SPENT = WastedIdentify(0, 100.0, 120.0)


async def test_a_session_beside_one_that_could_be_resumed_is_noted() -> None:
    """And one after another that is over is not."""
    simulator = Simulator(Options(members=10, identify_seconds=0.0))
    properties = {"os": "linux", "browser": "test", "device": "test"}
    asked = Identify(token=simulator.token, properties=properties, intents=0, shard=[0, 1])
    begin = simulator.sessions.begin
    first = begin(asked, URL)
    wasted = WastedIdentifyTracker(simulator.sessions)
    assert first is not None
    simulator.sessions.end(first)
    assert simulator.sessions.begin(asked, URL) is not None
    assert wasted.spent == []
    assert simulator.sessions.begin(asked, URL) is not None
    assert [one.shard for one in wasted.spent] == [0]
    assert wasted.spent[0].left_at is None


def test_without_a_reason_it_is_a_waste() -> None:
    """That the process was killed is none: the next one reads where it was."""
    windows = [
        FaultWindow("gateway", 110.0, 112.0, "gateway_killed"),
        FaultWindow("gateway>discord", 100.0, 120.0, "link_cut"),
        FaultWindow("redis", 110.0, 112.0, "redis_paused"),
        FaultWindow("redis", 60.0, 61.0, "redis_emptied"),
    ]
    assert unexcused([SPENT], windows) == ["shard 0 began anew; its session of 20.0 s was kept"]


@pytest.mark.parametrize(
    "window",
    [
        FaultWindow("redis", 110.0, 110.0, "redis_emptied"),
        FaultWindow("gateway", 101.0, 102.0, "gateway_killed"),
        FaultWindow("standby>redis", 99.0, 102.0, "link_silent"),
        FaultWindow("redis", 117.0, 121.0, "redis_paused"),
    ],
)
def test_where_redis_cannot_know_of_the_session_it_is_none(window: FaultWindow) -> None:
    assert unexcused([SPENT], [window]) == []


@pytest.mark.parametrize(("left_at", "is_excused"), [(100.02, True), (105.0, False), (None, False)])
def test_a_session_that_ended_before_ready_is_none(left_at: float | None, is_excused: bool) -> None:
    spent = WastedIdentify(0, 100.0, 105.2, left_at)
    assert (unexcused([spent], []) == []) == is_excused
