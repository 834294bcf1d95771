"""Faults on command: dropped connections, refusals, broken REST."""

import asyncio
import time

import aiohttp
import pytest

from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import PATIENCE, eventually
from tests.simulator.client import (
    Post,
    connected,
    connected_raw,
    read_control,
)

GUILD = FIRST_GUILDS[0]
NEWBIE = "574461543710720003"


@pytest.mark.parametrize("code", [1000, 4000, 4001, 4007, 4009, 4014])
async def test_any_close_code_can_be_sent(sim: Simulator, post: Post, code: int) -> None:
    """Drop with a code and a reason; only some codes end the session."""
    async with connected(sim) as client:
        await client.start()
        answer = await post("drop", code=code, reason="because")
        assert answer["connections"] == 1
        assert await client.close_code() == code
    await eventually(lambda: sim.stats.closes_by_code[code] == 1)
    assert len(list(sim.sessions)) == (0 if code in {4007, 4009} else 1)


async def test_one_session_can_be_dropped(sim: Simulator, post: Post) -> None:
    """By its id; the other stays."""
    async with connected(sim) as first, connected(sim) as second:
        await first.start()
        await second.start()
        assert (await post("drop", how="rst", session_id=first.session_id))["connections"] == 1
        assert await first.close_code() == 1006
        await second.everything_so_far()
        assert (await post("drop", how="eof", shard=7))["connections"] == 0


async def test_a_reset_is_a_reset(sim: Simulator, post: Post) -> None:
    """``rst`` is seen as a connection reset, not as an orderly end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    writer.write(
        b"GET /gateway?v=10&encoding=json HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    await eventually(lambda: len(sim.gateway.connections) == 1)
    await post("drop", how="rst")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()


async def test_connections_are_refused_and_taken_again(sim: Simulator, post: Post) -> None:
    """By a 503 or a reset, for seconds or until cleared."""
    await post("refuse")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        async with connected_raw(sim):
            pass
    await post("refuse", how="reset")
    with pytest.raises(aiohttp.ClientConnectionError):
        async with connected_raw(sim):
            pass
    await post("clear")
    async with connected(sim):
        pass
    await post("refuse", seconds=0)
    async with connected(sim):
        pass
    # A client may try a reset connection once more by itself.
    assert sim.stats.connections_refused >= 2


async def test_resume_address_alone_is_refused(sim: Simulator, post: Post) -> None:
    """READY names it, and it is a gateway like the main one."""
    await post("refuse", address="resume")
    async with connected(sim) as client:
        await client.identify()
        url = (await client.until("READY"))["resume_gateway_url"]
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await http.ws_connect(url + "?v=10&encoding=json")
            await post("clear")
            async with http.ws_connect(url + "?v=10&encoding=json") as ws:
                hello = await ws.receive_json()
                assert hello["op"] == 10


async def test_faults_of_the_gateway_are_set_and_cleared(sim: Simulator, post: Post) -> None:
    """Stalled ACKs, refused resumes, op 7 at HELLO, a heartbeat asked for."""
    async with connected(sim) as client:
        await client.start()
        await post("ask_heartbeat")
        assert (await client.receive())["op"] == 1
        await post("stall_acks")
        await client.send(1, None)
        await eventually(lambda: sim.stats.heartbeats_unanswered == 1)
        await post("stall_acks", stalled=False)
        await client.send(1, None)
        assert (await client.receive())["op"] == 11
    await post("refuse_resumes")
    await post("reconnect_at_hello")
    async with connected_raw(sim) as client:
        assert (await client.receive())["op"] == 7
    assert sim.faults.take_resume_refusal()
    await post("clear")
    assert not sim.faults.take_resume_refusal()


async def test_rest_fails_as_told(sim: Simulator, post: Post) -> None:
    """429, 500 or late, under a prefix, so many times."""
    await post("break_rest", prefix="/users", status=429, retry_after=0.5, times=1)
    await post("break_rest", prefix="/users", status=500, times=1)
    await post("break_rest", prefix="/gateway", delay=0.2, times=1)
    headers = {"Authorization": f"Bot {sim.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        answers = []
        for _ in range(3):
            async with http.get(f"{sim.api_url}/users/@me") as response:
                answers.append((response.status, await response.json()))
        began = time.monotonic()
        async with http.get(f"{sim.api_url}/gateway/bot") as response:
            assert response.status == 200
        assert time.monotonic() - began >= 0.2
    assert [status for status, _ in answers] == [429, 500, 200]
    assert answers[0][1]["retry_after"] == 0.5
    assert answers[1][1] == {"message": "500: Internal Server Error", "code": 0}
    assert sim.stats.rest_by_route["GET /users/@me"] == 3
    assert sim.stats.rest_by_status[429] == 1


async def test_rest_stays_broken_until_cleared(sim: Simulator, post: Post) -> None:
    """Without a number of times."""
    await post("break_rest", status=503)
    async with aiohttp.ClientSession() as http:
        for _ in range(3):
            async with http.get(f"{sim.api_url}/gateway") as response:
                assert response.status == 503
        await post("clear")
        async with http.get(f"{sim.api_url}/gateway") as response:
            assert response.status == 200


async def test_intents_can_be_forced_off(sim: Simulator, post: Post) -> None:
    """The next Identify that asks for them is closed with 4014."""
    assert (await post("intents", presences=False))["presences"] is False
    async with connected(sim) as client:
        await client.identify()
        assert await client.close_code() == 4014
    assert (await post("intents", presences=True, members=False))["members"] is False


async def test_options_change_while_it_runs(sim: Simulator, post: Post) -> None:
    """Those that are not read once at the start."""
    await post("settings", options={"heartbeat_interval_ms": 1234})
    async with connected_raw(sim) as client:
        assert (await client.receive())["d"]["heartbeat_interval"] == 1234


async def test_the_stats_count(sim: Simulator) -> None:
    """Sessions, events, heartbeats, REST hits: all by name."""
    async with connected(sim) as client:
        await client.start()
        sim.world.set_presence(FIRST_PERSON, "dnd")
        await client.everything_so_far()
        stats = await read_control(sim, "/stats")
    assert stats["identifies"] == stats["connected"] == stats["heartbeats"] == 1
    assert stats["events_by_name"]["GUILD_CREATE"] == 2
    [session] = stats["sessions"]
    assert session["id"] == client.session_id
    assert (session["connected"], session["shard"], session["intents"]) == (True, [0, 1], 259)
    assert session["seq"] == client.seq


async def test_the_state_of_an_unknown_user_is_404(sim: Simulator) -> None:
    """With the field named."""
    assert (await read_control(sim, "/truth/999999999999999999"))["error"]["field"] == "user_id"
