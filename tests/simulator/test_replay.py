"""Replaying files of dispatches into a running simulator."""

import asyncio
import json
from pathlib import Path

import pytest

from simulator.replay import NotReplayable, messages, replay
from simulator.server import Simulator
from testing import samples
from testing.process import Process
from tests.simulator.client import connected

ONE = {"op": 0, "t": "A", "s": 1, "d": {"x": 1}}
TWO = {"t": "B", "d": None}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, TWO]),
        json.dumps(ONE) + "\n\n" + json.dumps(TWO) + "\n",
        json.dumps({"_meta": {}, "cases": [{"id": "1", "payload": ONE}, {"payload": TWO}]}),
        json.dumps([{"payload": ONE}, TWO], indent=2),
    ],
)
def test_files_have_three_shapes(text: str) -> None:
    """A list, lines, or cases with payloads, in their order."""
    found = [(message.t, json.loads(bytes(message.d))) for message in messages(text.encode())]
    assert found == [("A", {"x": 1}), ("B", None)]


def test_one_message_is_a_file(sim: Simulator) -> None:
    """A single object is one dispatch."""
    assert [message.t for message in messages(json.dumps(ONE, indent=1).encode())] == ["A"]


@pytest.mark.parametrize("text", ["[1]", '[{"d":1}]', "no json", '{"t":1,"d":2}'])
def test_what_is_no_dispatch_is_named(text: str) -> None:
    """The error says which entry it is."""
    with pytest.raises(NotReplayable, match="entry 1"):
        list(messages(text.encode()))


async def test_the_presence_samples_arrive_unchanged(sim: Simulator) -> None:
    """All sample presences reach a client as they are in the file, odd ones too."""
    cases = samples.read("presence-samples.json")["cases"]
    text = samples.path("presence-samples.json").read_bytes()
    async with connected(sim, "zstd-stream") as client:
        await client.start()
        assert await replay(sim.url, messages(text)) == len(cases)
        for case in cases:
            frame = await client.receive()
            assert (frame["t"], frame["d"]) == (case["payload"]["t"], case["payload"]["d"])


async def test_the_event_samples_arrive_unchanged(sim: Simulator) -> None:
    """Every sample event, as JSON lines."""
    inbound = samples.read("gateway-event-samples.json")["inbound"].values()
    events = [message for message in inbound if message["t"] is not None]
    text = "\n".join(json.dumps(event) for event in events)
    async with connected(sim) as client:
        await client.start()
        await replay(sim.url, messages(text.encode()), rate=10_000)
        for event in events:
            frame = await client.receive()
            assert (frame["t"], frame["d"]) == (event["t"], event["d"])


async def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the command."""
    process = await Process.start_module("simulator.replay", *arguments)
    return await process.ended(), process.output, process.errors


async def test_the_command_says_what_it_did(sim: Simulator, tmp_path: Path) -> None:
    """0 and a count; 1 and a reason for a bad file, no file and no simulator."""
    good = tmp_path / "good.json"
    good.write_text(json.dumps([ONE, TWO]))
    bad = tmp_path / "bad.json"
    bad.write_text("[1]")
    done, failed, missing, refused = await asyncio.gather(
        run(str(good), "--url", sim.url),
        run(str(bad), "--url", sim.url),
        run(str(tmp_path / "none.json"), "--url", sim.url),
        run(str(good), "--url", "http://127.0.0.1:1"),
    )
    assert (done[0], "posted 2 dispatches" in done[1]) == (0, True)
    assert (failed[0], "entry 1" in failed[2]) == (1, True)
    assert (missing[0], "none.json" in missing[2]) == (1, True)
    assert (refused[0], "127.0.0.1:1" in refused[2]) == (1, True)
