"""Every close code that a client can earn."""

import asyncio
from typing import Any

import pytest

from simulator.server import Simulator
from testing.eventually import eventually
from tests.simulator.client import Client, connected, connected_raw, quiet


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"shard": [2, 2]}, 4010),
        ({"shard": [-1, 2]}, 4010),
        ({"shard": [0]}, 4010),
        ({"intents": 1 << 30}, 4013),
        ({"intents": -1}, 4013),
        ({"intents": "all"}, 4002),
        ({"large_threshold": 5000}, 4002),
    ],
)
async def test_a_bad_identify_is_closed(sim: Simulator, fields: Any, code: int) -> None:
    """Each fault of an Identify has its close code, and no session is begun."""
    async with connected(sim) as client:
        await client.identify(**fields)
        assert await client.close_code() == code
    assert list(sim.sessions) == []
    await eventually(lambda: sim.stats.closes_by_code[code] == 1)


@pytest.mark.parametrize("switch", ["allow_members", "allow_presences"])
async def test_disallowed_intents_close_with_4014(switch: str) -> None:
    """A privileged intent that is off in the portal may not be asked for."""
    async with Simulator(quiet(**{switch: False})) as sim:
        async with connected(sim) as client:
            await client.identify()
            assert await client.close_code() == 4014
        async with connected(sim) as client:
            await client.start(intents=1)


async def test_too_many_guilds_need_sharding() -> None:
    """More guilds than one shard may have: 4011; with two shards there is room."""
    async with Simulator(quiet(guilds=5, guilds_per_shard=4, max_concurrency=2)) as sim:
        async with connected(sim) as client:
            await client.identify()
            assert await client.close_code() == 4011
        async with connected(sim) as client:
            await client.start(shard=[0, 2])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"op":77,"d":{}}', 4001),
        ("{not json", 4002),
        ('{"d":1}', 4002),
        ('{"op":1,"d":"' + "x" * 4096 + '"}', 4002),
        ('{"op":8,"d":{"guild_id":"816976062578688017","query":"","limit":0}}', 4003),
        ('{"op":3,"d":{}}', 4003),
    ],
)
async def test_a_bad_frame_is_closed(sim: Simulator, text: str, code: int) -> None:
    """Unknown opcodes, undecodable or long frames, and whatever comes before Identify."""
    async with connected(sim) as client:
        await client.ws.send_str(text)
        assert await client.close_code() == code


async def test_a_second_identify_is_closed(sim: Simulator) -> None:
    """4005: already authenticated."""
    async with connected(sim) as client:
        await client.start()
        await client.identify()
        assert await client.close_code() == 4005


async def test_a_flood_is_closed() -> None:
    """More than the allowed sends in a minute: 4008."""
    async with Simulator(quiet(sends_per_minute=10)) as sim, connected(sim) as client:
        for _ in range(11):
            await client.send(1, None)
        assert await client.close_code() == 4008


@pytest.mark.parametrize(
    ("query", "code"),
    [("v=9&encoding=json", 4012), ("encoding=json", 4012), ("v=10&encoding=etf", 4002)],
)
async def test_another_version_is_closed(sim: Simulator, query: str, code: int) -> None:
    """Only v10 and JSON are spoken here."""
    async with connected_raw(sim, query=query) as client:
        assert await client.close_code() == code


async def test_missed_heartbeats_end_the_session() -> None:
    """Without a heartbeat in time the session is closed with 4009 and cannot resume."""
    async with Simulator(quiet(heartbeat_interval_ms=100)) as sim:
        async with connected(sim) as client:
            await client.start()
            assert await client.close_code() == 4009
        async with connected(sim) as again:
            await again.resume(client)
            assert (await again.until_op(9))["d"] is False


async def test_heartbeats_keep_the_connection() -> None:
    """With heartbeats it stays open for many intervals."""
    async with Simulator(quiet(heartbeat_interval_ms=1000)) as sim, connected(sim) as client:
        await client.start()
        for _ in range(16):
            await client.send(1, client.seq)
            await _ack_after(client, 0.2)
    assert sim.stats.closes_by_code[4009] == 0


async def _ack_after(client: Client, seconds: float) -> None:
    assert (await client.receive())["op"] == 11
    # A fifth of an interval between beats is what a client does, not a wait for luck.
    await asyncio.sleep(seconds)
