"""hikari's shard: what it logs and leaves behind of a connection that has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import aiohttp
import hikari
import pytest
from aiohttp import web

from services.gateway.discord import hikari_shard
from services.gateway.discord.hikari_shard import (
    MAX_REASON_CHARS,
    InstrumentedShard,
    handle_loop_exception,
)
from services.gateway.discord.session_events import SessionEvents
from simulator.compression import TRANSPORTS
from testing.eventually import PATIENCE, eventually
from testing.logged import own_records

# hikari leaves the session of a connection that is cancelled while it opens to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed client session:ResourceWarning")

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.mark.parametrize(
    ("error", "is_reported"),
    [
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), False),
        (hikari.GatewayConnectionError("Socket has closed"), False),
        (ValueError("a bug"), True),
    ],
)
async def test_ended_connection_is_not_reported_as_an_error(
    error: Exception, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """hikari does not read the result of one task if the other one has ended."""
    context = {"message": "Future exception was never retrieved", "exception": error}
    handle_loop_exception(asyncio.get_running_loop(), context)
    assert ("never retrieved" in caplog.text) == is_reported


async def _unavailable(_request: web.Request) -> web.StreamResponse:
    headers = {f"X-Header-{number}": "x" * 100 for number in range(10)}
    return web.Response(status=503, reason="Service Unavailable " * 20, headers=headers)


def _sends(*frames: Any) -> Serve:
    """Bytes and texts as they are, anything else as compressed JSON."""

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        pack = TRANSPORTS[request.query["compress"]]()
        for frame in frames:
            if isinstance(frame, str):
                await socket.send_str(frame)
            else:
                raw = frame if isinstance(frame, bytes) else pack(json.dumps(frame).encode())
                await socket.send_bytes(raw)
        async for _ in socket:
            pass
        return socket

    return serve


class _NoEvents:
    """No connection here gets as far as an event."""

    def start_connection(self, *, identifies: bool) -> None: ...


HELLO = {"op": 10, "d": {"heartbeat_interval": 45_000}}
GARBAGE = b"garbage\x00\x00\xff\xff"


@asynccontextmanager
async def _connecting(serve: Serve) -> AsyncIterator[InstrumentedShard]:
    """A shard that connects to a server with this handler."""
    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()

    async def may_connect() -> None: ...

    shard = InstrumentedShard(
        None,
        cast("SessionEvents", _NoEvents()),
        may_connect,
        token="a.bots.token",
        url=f"ws://127.0.0.1:{runner.addresses[0][1]}/",
        shard_id=0,
        shard_count=1,
    )
    asyncio.get_running_loop().set_exception_handler(handle_loop_exception)
    await shard.start()
    try:
        yield shard
    finally:
        if shard.is_alive:
            with suppress(KeyError):  # raised again, if it has ended the shard
                await shard.close()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (_unavailable, "refused the handshake with status 503"),
        (_sends(GARBAGE), "cannot be decompressed"),
        (_sends(HELLO, GARBAGE), "cannot be decompressed"),
        (_sends("text"), "Unexpected message type received TEXT"),
        (_sends({"op": 0}), "Expected opcode 10"),
        (_sends([]), "Expected opcode 10"),
        (_sends({"op": "x" * 1000}), "Expected opcode 10"),
    ],
)
async def test_a_failure_of_discord_is_one_short_line(
    serve: Serve, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The shard reconnects by itself; nothing is logged with a traceback."""
    async with _connecting(serve) as shard:
        warnings = await eventually(lambda: own_records(caplog, "hikari"))
        assert shard.is_alive
    assert all(record.exc_info is None for record in warnings)
    assert all(len(record.getMessage()) < MAX_REASON_CHARS + 100 for record in warnings)
    assert len([record for record in warnings if reason in record.getMessage()]) == 1


async def test_a_shard_that_is_closed_while_it_disconnects_ends(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hikari swallows the cancellation at some of these moments, and would connect for ever."""
    monkeypatch.setattr(hikari_shard, "CLOSE_RETRY_S", 0.1)
    for turns in range(8):
        async with _connecting(_sends(HELLO, GARBAGE)) as shard:
            async with asyncio.timeout(PATIENCE):
                while not own_records(caplog, "hikari"):
                    await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            closing = asyncio.create_task(shard.close())
            await eventually(closing.done)
            assert not shard.is_alive
        caplog.clear()


async def test_what_ends_the_shard_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """hikari raises it again, and the runner logs that with its only traceback."""
    async with _connecting(_sends({"op": 10})) as shard:
        with pytest.raises(KeyError):
            await shard.join()
    assert [record.exc_info for record in caplog.records if record.name == "hikari.gateway.0"] == [
        None
    ]
