"""A client of an event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from testing import event_stream
from testing.event_stream import EventStreamClient, ServerSentEvent
from testing.eventually import PATIENCE
from tests.ws.ws_fixture import RunningServer, number_of


@asynccontextmanager
async def stream(
    ws: RunningServer, *user_ids: int | str, method: str = "GET", header: str = "Accept: */*"
) -> AsyncIterator[EventStreamClient]:
    """A client that has read the response's head."""
    async with asyncio.timeout(PATIENCE):
        client = await event_stream.connect(ws.port, user_ids, method, header)
    try:
        yield client
    finally:
        client.close()


async def following(client: EventStreamClient) -> ServerSentEvent:
    async with asyncio.timeout(PATIENCE):
        event = await client.event()
    assert event is not None
    return event


async def number(client: EventStreamClient) -> int:
    return number_of((await following(client)).frame)


async def ended(client: EventStreamClient) -> None:
    """The stream ends, without another event."""
    async with asyncio.timeout(PATIENCE):
        assert await client.event() is None


async def body(client: EventStreamClient) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await client.reader.read()
