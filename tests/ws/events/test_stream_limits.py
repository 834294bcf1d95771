"""Event streams that do not read, that are too many, or whose server or Redis ends."""

from __future__ import annotations

import asyncio
import socket

import pytest

from services.ws.limits import WsLimits
from shared.net.client_address import networks
from shared.telemetry.metrics import total
from testing import event_stream
from testing.event_stream import EventStreamClient
from testing.eventually import PATIENCE, eventually
from testing.redis_server import RedisServer
from tests.ws.events.events_fixture import ended, following, number, stream
from tests.ws.ws_fixture import ANNA, STRANGER, Backend

SMALL = WsLimits(kernel_buffer=8192)
SOMEWHERE = "X-Forwarded-For: 203.0.112.7"


async def test_a_slow_client_skips(backend: Backend) -> None:
    """A client that reads late gets the newest state, not everything that it missed."""
    last = 300
    await backend.show(ANNA, 0)
    async with backend.serving(SMALL) as ws:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", ws.port))
        client = EventStreamClient(*await asyncio.open_connection(sock=sock, limit=4096))
        client.writer.write(event_stream.request(ws.port, [ANNA]))
        await client.read_head()
        for update in range(1, last + 1):
            await backend.show(ANNA, update, size=2000)
        await eventually(lambda: total(ws.counters.skipped) > 0)
        assert ws.counters.backpressured == 1
        shown = [await number(client)]
        while shown[-1] != last:
            shown.append(await number(client))
        assert shown == sorted(set(shown))
        assert len(shown) < last / 2
        await eventually(lambda: ws.counters.backpressured == 0)
        client.close()


async def test_a_client_that_never_reads(backend: Backend) -> None:
    """It is dropped in the end."""
    await backend.show(ANNA, 0)
    limits = WsLimits(kernel_buffer=8192, slow_within=0.5)
    async with backend.serving(limits) as ws, stream(ws, ANNA) as client:
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        update = 0
        async with asyncio.timeout(PATIENCE):
            while ws.counters.connections:
                update += 1
                await backend.show(ANNA, update, size=2000)
        assert total(ws.counters.dropped) == 1


@pytest.mark.parametrize(
    "limits",
    [
        WsLimits(connections_per_address=1, trusted=networks("127.0.0.0/8")),
        WsLimits(handshakes_per_address=1, trusted=networks("127.0.0.0/8")),
        WsLimits(changes_per_address=1, trusted=networks("127.0.0.0/8")),
    ],
)
async def test_limits_of_an_address(backend: Backend, limits: WsLimits) -> None:
    """They are those of WebSockets, and count both. The stream ends, to be asked for again
    after a minute; an EventSource would never come back after a 429."""
    await backend.show(ANNA, 1)
    async with backend.serving(limits) as ws, stream(ws, ANNA, header=SOMEWHERE) as first:
        await number(first)
        async with stream(ws, ANNA, header=SOMEWHERE) as second:
            assert second.status == 200
            error = (await following(second)).frame
            assert (error["op"], error["d"]["code"]) == ("error", "rate_limited")
            await ended(second)
            assert second.parser.retry_ms >= 60_000
        await backend.show(ANNA, 2)
        assert await number(first) == 2


async def test_a_flood(backend: Backend) -> None:
    """Requests that are not even parsed get 429."""
    limits = WsLimits(handshakes_per_address=1, trusted=networks("127.0.0.0/8"))
    async with backend.serving(limits) as ws:
        statuses = []
        for _ in range(4):
            async with stream(ws, STRANGER, header=SOMEWHERE) as client:
                statuses.append(client.status)
        assert statuses == [404, 200, 429, 429]
        assert int(client.headers["retry-after"]) > 0


async def test_a_full_server(backend: Backend) -> None:
    """503, which sends a proxy on to another server."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(connections=1)) as ws, stream(ws, ANNA) as first:
        await number(first)
        async with stream(ws, ANNA) as second:
            assert (second.status, second.headers["retry-after"]) == (503, "5")
        await backend.show(ANNA, 2)
        assert await number(first) == 2


async def test_a_server_that_stops(backend: Backend) -> None:
    """Streams end after every pending event, and come back spread out."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        clients = [await event_stream.connect(ws.port, [ANNA]) for _ in range(20)]
    retries = set()
    for client in clients:
        assert await number(client) == 1
        await ended(client)
        retries.add(client.parser.retry_ms)
        client.close()
    assert len(retries) > 2
    assert max(retries) <= 5000


async def test_redis_is_away(own_redis: RedisServer, own_backend: Backend) -> None:
    """New streams get an event and end, to be asked for again soon; the others go on."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving(WsLimits(load_within=0.2)) as ws, stream(ws, ANNA) as first:
        assert await number(first) == 1
        await own_redis.kill()
        await eventually(lambda: not ws.hub.connected)
        async with stream(ws, ANNA) as second:
            assert second.status == 200
            assert (await following(second)).frame["d"]["code"] == "unavailable"
            await ended(second)
            assert second.parser.retry_ms <= 5000
        await own_redis.start()
        await eventually(lambda: ws.hub.connected)
        await own_backend.show(ANNA, 2)
        assert await number(first) == 2
