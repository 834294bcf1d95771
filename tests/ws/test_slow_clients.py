"""Clients that do not read: they skip states, use little memory, and delay no other client."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from services.ws.limits import WsLimits
from shared.telemetry.metrics import total
from testing.eventually import PATIENCE, eventually
from tests.ws.ws_fixture import ANNA, Backend, RawClient, RunningServer, number_of, receive

TEXT, PING, PONG = 1, 9, 10

SMALL = WsLimits(kernel_buffer=8192)


async def test_a_slow_client_skips(backend: Backend) -> None:
    """A client that reads late gets the newest state, not everything that it missed."""
    last = 300
    await backend.show(ANNA, 0)
    async with backend.serving(SMALL) as ws:
        raw = await narrow(ws)
        for number in range(1, last + 1):
            await backend.show(ANNA, number, "anna" if number < last else "hannah", size=2000)
        await eventually(lambda: total(ws.counters.skipped) > 0)
        assert ws.counters.backpressured == 1
        shown = [-1]
        name = ""
        while shown[-1] != last or name != "hannah":
            opcode, payload = await raw.frame()
            assert opcode == TEXT
            frame = msgspec.json.decode(payload)
            if frame["op"] != "profile_update":
                shown.append(number_of(frame))
            if "profile" in frame["d"]:
                name = frame["d"]["profile"]["username"]
        assert shown == sorted(set(shown))
        assert len(shown) < last / 2
        raw.send(PING, b"done")
        assert await raw.frame() == (PONG, b"done")
        assert (ws.counters.backpressured, ws.counters.watchers) == (0, 1)
        await raw.hang_up()
        await eventually(lambda: ws.counters.watchers == 0)


async def test_a_slow_client_that_missed_a_round_trip(backend: Backend) -> None:
    """What changed and changed back while a client did not read is not sent to it."""
    await backend.show(ANNA, 0)
    async with backend.serving(SMALL) as ws:
        raw = await narrow(ws)
        raw.reader._transport.pause_reading()  # type: ignore[attr-defined]
        number = 0
        while not total(ws.counters.skipped):
            number += 1
            await backend.show(ANNA, number, size=2000)
            await asyncio.sleep(0)
        # The second client is served after the first: what it has received, the first has skipped.
        async with ws.client(ANNA) as second:
            for shown_now in (number, number + 1, number):
                await backend.show(ANNA, shown_now, size=2000)
                while number_of(await receive(second)) != shown_now:
                    pass
        raw.reader._transport.resume_reading()  # type: ignore[attr-defined]
        shown: list[int] = []
        while not shown or shown[-1] != number:
            shown.append(number_of(msgspec.json.decode((await raw.frame())[1])))
        raw.send(PING)
        assert (await raw.frame())[0] == PONG
        assert number + 1 not in shown
        await raw.hang_up()


async def test_a_client_that_never_reads(backend: Backend) -> None:
    """It uses a bounded number of bytes, and is disconnected in the end."""
    await backend.show(ANNA, 0)
    limits = WsLimits(
        kernel_buffer=8192,
        slow_within=0.3,
        ping_every=2.0,
    )
    async with backend.serving(limits) as ws:
        raw = await narrow(ws)
        await eventually(lambda: ws.counters.frames == 1)
        for number in range(1, 200):
            await backend.show(ANNA, number, size=2000)
        await eventually(lambda: total(ws.counters.skipped) > 0)
        written = ws.counters.frames
        for number in range(200, 300):
            await backend.show(ANNA, number, size=2000)
        assert ws.counters.frames == written
        assert written * 2500 < 200_000
        await eventually(lambda: ws.counters.connections == 0)
        assert total(ws.counters.dropped) == 1
        await raw.hang_up()


async def test_a_slow_client_delays_no_other(backend: Backend) -> None:
    """Others get every update while one client does not read."""
    await backend.show(ANNA, 0)
    async with backend.serving(SMALL) as ws, ws.client(ANNA) as quick:
        raw = await narrow(ws)
        await receive(quick)
        for number in range(1, 150):
            await backend.show(ANNA, number, size=2000)
            assert number_of(await receive(quick)) == number
        assert total(ws.counters.skipped) > 0
        await raw.hang_up()


async def test_one_big_user_list_to_a_slow_client(backend: Backend) -> None:
    """First frames that do not fit into the buffer wait for the client to read."""
    users = [ANNA + n for n in range(40)]
    for user_id in users:
        await backend.show(user_id, 1, size=3000)
    async with backend.serving(SMALL) as ws:
        raw = await narrow(ws, *users)
        await eventually(lambda: total(ws.counters.skipped) > 0)
        assert ws.counters.frames < len(users)
        got = [msgspec.json.decode((await raw.frame())[1])["user_id"] for _ in users]
        assert sorted(got) == sorted(map(str, users))
        await raw.hang_up()


async def narrow(ws: RunningServer, *user_ids: int) -> RawClient:
    """A client that does not read, with small buffers in kernel and loop."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", ws.port))
    raw = RawClient(*await asyncio.open_connection(sock=line, limit=1024))
    asked = ",".join(map(str, user_ids or (ANNA,)))
    raw.writer.write(
        f"GET /?user_id={asked} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    async with asyncio.timeout(PATIENCE):
        await raw.reader.readuntil(b"\r\n\r\n")
    return raw
