"""What a client of Lanyard's dialect may ask for, and how it is refused: slowly."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.ws.connection import Connection
from services.ws.limits import WsLimits, from_settings
from shared.config import WsSettings
from shared.net.client_address import networks
from shared.net.connection_limiter import RESERVED_FILES
from testing.eventually import PATIENCE, eventually
from tests.ws.lanyard.lanyard_fixture import (
    HELD_SHORTLY,
    init_state,
    initialize,
    initialize_one,
    lanyard_client,
    number_in,
    say,
    show,
)
from tests.ws.ws_fixture import ANNA, BERT, Backend


async def test_hundreds_of_users(backend: Backend) -> None:
    """A message may be larger than those of Grux's own dialect."""
    users = range(ANNA, ANNA + 400)
    for user_id in users[:5]:
        await show(backend, user_id, 1)
    async with backend.serving() as ws, lanyard_client(ws, initialize(*users)) as client:
        assert len(await init_state(client)) == 5


async def test_more_users_than_allowed_are_left_out(backend: Backend) -> None:
    """The connection stays: its client would come back at once."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 1)
    limits = msgspec.structs.replace(HELD_SHORTLY, lanyard_users=1)
    async with backend.serving(limits) as ws, lanyard_client(ws) as client:
        await say(client, initialize(ANNA, BERT))
        assert list(await init_state(client)) == [str(ANNA)]
        await say(client, initialize_one(BERT))
        assert await init_state(client) == {}


async def test_too_many_messages_are_read_later(backend: Backend) -> None:
    """A client that says too much is slowed down, and gets every answer."""
    await show(backend, ANNA, 1)
    limits = msgspec.structs.replace(HELD_SHORTLY, frames=10, frames_within=0.5)
    async with backend.serving(limits) as ws, lanyard_client(ws) as client:
        for _ in range(25):
            await say(client, initialize_one(ANNA))
            await asyncio.sleep(0)
        for _ in range(25):
            assert number_in(await init_state(client)) == 1


async def test_too_many_connections_are_refused_slowly(backend: Backend) -> None:
    """Such a client reconnects at once, and would do nothing else."""
    limits = msgspec.structs.replace(HELD_SHORTLY, connections=1)
    async with backend.serving(limits) as ws, lanyard_client(ws):
        began = asyncio.get_running_loop().time()
        with pytest.raises(Exception, match="503"):
            async with connect(f"ws://127.0.0.1:{ws.port}/socket"):
                pass
        assert asyncio.get_running_loop().time() - began >= HELD_SHORTLY.refuse_after / 2


async def test_slow_refusals_are_bounded(backend: Backend) -> None:
    """They must not hold more connections than the limit that refuses them."""
    limits = msgspec.structs.replace(HELD_SHORTLY, connections=1, slow_refusals=0, refuse_after=60)
    async with backend.serving(limits) as ws, lanyard_client(ws):
        with pytest.raises(Exception, match="503"):
            async with connect(f"ws://127.0.0.1:{ws.port}/socket"):
                pass


VISITOR = "93.184.216.34"


async def test_the_budgets_of_an_address_hold(backend: Backend) -> None:
    """Users named in messages count. What is over the budget is answered in the next window."""
    await show(backend, ANNA, 1)
    limits = _limits(changes_per_address=3, lookups_per_address=3)
    async with backend.serving(limits) as ws, _visitor(ws.port) as client:
        await client.recv()
        for _ in range(3):
            await say(client, initialize_one(ANNA))
            assert number_in(await init_state(client)) == 1
        await say(client, initialize_one(BERT))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.recv()
        assert client.close_code is None


async def test_more_users_than_an_address_may_ask_for_in_a_minute(backend: Backend) -> None:
    """One message is answered all the same, and users that cannot be subscribed to cost nothing."""
    await show(backend, ANNA, 1)
    limits = _limits(changes_per_address=20, lookups_per_address=20, lanyard_users=50)
    async with backend.serving(limits) as ws, _visitor(ws.port) as client:
        await client.recv()
        await say(client, initialize(*range(ANNA, ANNA + 400)))
        assert list(await init_state(client)) == [str(ANNA)]


async def test_a_held_client_that_has_gone_is_noticed(backend: Backend) -> None:
    """Although nothing is read of it."""
    limits = msgspec.structs.replace(
        _limits(changes_per_address=1), lanyard_hold=3600.0, ping_every=0.1
    )
    async with backend.serving(limits) as ws:
        client = await _visitor(ws.port)
        await client.recv()
        await say(client, initialize_one(ANNA))
        await init_state(client)
        await say(client, initialize_one(BERT))
        (connection,) = [one for one in ws.context.keepalive if isinstance(one, Connection)]
        await eventually(lambda: connection._is_held)
        client.transport.abort()
        await eventually(lambda: ws.counters.connections == 0)


async def test_a_client_that_closes_while_it_is_refused_is_gone(backend: Backend) -> None:
    """Also one that keeps its socket open."""
    limits = msgspec.structs.replace(_limits(connections_per_address=1), close_within=0.1)
    async with backend.serving(limits) as ws, _visitor(ws.port):
        reader, writer = await asyncio.open_connection("127.0.0.1", ws.port)
        handshake = (
            "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"X-Forwarded-For: {VISITOR}\r\n\r\n"
        )
        writer.write(handshake.encode() + b"\x88\x80\x00\x00\x00\x00")
        async with asyncio.timeout(PATIENCE):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await eventually(lambda: ws.counters.connections == 1)
        writer.close()


async def test_too_many_connections_of_an_address(backend: Backend) -> None:
    """The client gets nothing, and is closed with 4429 some time later."""
    began = asyncio.get_running_loop().time()
    async with (
        backend.serving(_limits(connections_per_address=1)) as ws,
        _visitor(ws.port) as first,
        _visitor(ws.port) as second,
    ):
        await first.recv()
        await say(second, initialize_one(ANNA))
        with pytest.raises(ConnectionClosed):
            await second.recv()
        assert asyncio.get_running_loop().time() - began >= HELD_SHORTLY.refuse_after / 3
        assert second.close_code == 4429
        await say(first, initialize())
        assert await init_state(first) == {}


@pytest.mark.parametrize("query", ["", "?compression=zlib_json", f"?user_id={ANNA}"])
async def test_a_flood_of_handshakes_is_refused_slowly(backend: Backend, query: str) -> None:
    """Its clients do not give up. Those of Grux's own dialect are told at once."""
    limits = _limits(handshakes_per_address=0)
    async with backend.serving(limits) as ws:
        began = asyncio.get_running_loop().time()
        with pytest.raises(InvalidStatus) as refused:
            async with _visitor(ws.port, query):
                pass
        assert refused.value.response.status_code == 429
        if not query.startswith("?user_id"):
            assert asyncio.get_running_loop().time() - began >= HELD_SHORTLY.refuse_after / 3


def test_slow_refusals_leave_most_places_to_clients() -> None:
    """Where few files may be open."""
    assert from_settings(WsSettings(), 1024).slow_refusals == (1024 - RESERVED_FILES) // 4
    assert from_settings(WsSettings(), 1_000_000).slow_refusals == 1000


async def test_a_message_that_is_too_large(backend: Backend) -> None:
    """1009, as for a client of Grux's own dialect."""
    limits = msgspec.structs.replace(HELD_SHORTLY, lanyard_message_size=100)
    async with backend.serving(limits) as ws, lanyard_client(ws) as client:
        await say(client, initialize(*range(ANNA, ANNA + 10)))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


def _limits(**changes: int) -> WsLimits:
    return msgspec.structs.replace(HELD_SHORTLY, trusted=networks("127.0.0.1"), **changes)


def _visitor(port: int, query: str = "") -> connect:
    """A client with a public address: others are not counted. A server that does not read it does
    not answer its Close either."""
    url = f"ws://127.0.0.1:{port}/socket{query}"
    return connect(url, additional_headers={"X-Forwarded-For": VISITOR}, close_timeout=0.2)


async def test_a_held_client_is_not_read_when_its_turn_comes(backend: Backend) -> None:
    """It may be held while it waits for its turn: Hello is sent meanwhile."""
    limits = WsLimits(lanyard_hold=3600.0)
    async with backend.serving(limits) as ws, lanyard_client(ws):
        (connection,) = [one for one in ws.context.keepalive if isinstance(one, Connection)]
        connection._client.hold()  # type: ignore[union-attr]
        connection.on_read_turn()
        assert not connection._transport.is_reading()
        connection.resume()  # else the client waits ten seconds for an answer to its Close
