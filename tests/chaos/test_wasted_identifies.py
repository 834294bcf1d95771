"""An identify that a resume would have spared is seen."""

from __future__ import annotations

import pytest

from chaos.fault_window import Spell
from chaos.wasted_identifies import Notebook, Spent, unexcused
from simulator.options import Options
from simulator.protocol import Identify
from simulator.server import Simulator

URL = "ws://127.0.0.1/gateway"
SPENT = Spent(0, 100.0, 120.0)


async def test_a_session_beside_one_that_could_be_resumed_is_noted() -> None:
    """And one after another that is over is not."""
    simulator = Simulator(Options(members=10, identify_seconds=0.0))
    properties = {"os": "linux", "browser": "test", "device": "test"}
    asked = Identify(token=simulator.token, properties=properties, intents=0, shard=[0, 1])
    begin = simulator.sessions.begin
    first = begin(asked, URL)
    notebook = Notebook(simulator.sessions)
    assert first is not None
    simulator.sessions.end(first)
    assert simulator.sessions.begin(asked, URL) is not None
    assert notebook.spent == []
    assert simulator.sessions.begin(asked, URL) is not None
    assert [one.shard for one in notebook.spent] == [0]


def test_without_a_reason_it_is_a_waste() -> None:
    """That the process was killed is none: the next one reads where it was."""
    spells = [
        Spell("gateway", 110.0, 112.0, "gateway_killed"),
        Spell("gateway>discord", 100.0, 120.0, "link_cut"),
        Spell("redis", 110.0, 112.0, "redis_paused"),
        Spell("redis", 60.0, 61.0, "redis_emptied"),
    ]
    assert unexcused([SPENT], spells) == ["shard 0 began anew; its session of 20.0 s was kept"]


@pytest.mark.parametrize(
    "spell",
    [
        Spell("redis", 110.0, 110.0, "redis_emptied"),
        Spell("gateway", 101.0, 102.0, "gateway_killed"),
        Spell("standby>redis", 99.0, 102.0, "link_silent"),
        Spell("redis", 117.0, 121.0, "redis_paused"),
    ],
)
def test_where_redis_cannot_know_of_the_session_it_is_none(spell: Spell) -> None:
    assert unexcused([SPENT], [spell]) == []
