"""The limits of one address, and which address counts."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.ws.limits import WsLimits, from_settings
from shared.config import WsSettings
from shared.net.client_address import networks
from testing.eventually import eventually
from tests.ws.ws_fixture import ANNA, HARMLESS, Backend, nothing_comes, receive, until_closed


async def test_one_address_may_not_take_everything(backend: Backend) -> None:
    """Connections above the limit of an address get rate_limited and close with 4429."""
    await backend.show(ANNA, 1)
    headers = {"X-Forwarded-For": "10.0.0.1, 203.0.112.7"}
    limits = WsLimits(connections_per_address=1, trusted=networks("127.0.0.0/8, ::1"))
    async with backend.serving(limits) as ws:
        async with connect(ws.url(ANNA), additional_headers=headers) as first:
            await receive(first)
            async with connect(ws.url(ANNA), additional_headers=headers) as second:
                frames, code = await until_closed(second)
                assert (code, frames[0]["d"]["code"]) == (4429, "rate_limited")
        await eventually(lambda: ws.counters.connections == 0)
        async with connect(ws.url(ANNA), additional_headers=headers) as third:
            assert (await receive(third))["op"] == "initial_data"


@pytest.mark.parametrize(("proxies", "told_apart"), [("127.0.0.0/8, ::1", True), ("", False)])
async def test_addresses_are_believed_of_named_proxies_only(
    backend: Backend, proxies: str, told_apart: bool
) -> None:
    """X-Forwarded-For counts only if a trusted proxy sends it."""
    await backend.show(ANNA, 1)
    headers = {"X-Forwarded-For": "203.0.112.7"}
    limits = WsLimits(connections_per_address=1, trusted=networks(proxies))
    async with (
        backend.serving(limits) as ws,
        connect(ws.url(ANNA), additional_headers=headers) as first,
        connect(ws.url(ANNA), additional_headers=headers) as second,
    ):
        assert (await receive(first))["op"] == "initial_data"
        frame = await receive(second)
        assert frame["op"] == ("error" if told_apart else "initial_data")


async def test_the_messages_of_an_address_are_counted_over_its_connections(
    backend: Backend,
) -> None:
    """Each connection stays within its own limit. The one that exceeds the address's limit, and
    every later one, is closed with 4429; other addresses, and clients without one, are not.
    """
    await backend.show(ANNA, 1)
    limits = WsLimits(frames_per_address=20, trusted=networks("127.0.0.0/8, ::1"))
    ours, theirs, nobodys = (
        {"X-Forwarded-For": one} for one in ("203.0.112.7", "203.0.112.8", "10.0.0.1")
    )
    async with backend.serving(limits) as ws, AsyncExitStack() as clients:

        async def client(headers: dict[str, str]) -> ClientConnection:
            connection = connect(ws.url(ANNA), additional_headers=headers, ping_interval=None)
            one = await clients.enter_async_context(connection)
            await receive(one)
            return one

        async def say(one: ClientConnection, times: int) -> None:
            for _ in range(times - 1):
                await one.send(HARMLESS)
            await nothing_comes(one)  # a ping

        first, second = await client(ours), await client(ours)
        await say(first, 10)
        await say(second, 10)
        other, uncounted = await client(theirs), await client(nobodys)
        for late in (first, await client(ours)):
            await late.send(HARMLESS)
            frames, code = await until_closed(late)
            assert (code, frames[-1]["d"]["code"]) == (4429, "rate_limited")
        await say(other, 20)
        await say(uncounted, 100)


def test_what_an_address_may_send_follows_what_it_may_open() -> None:
    """Pongs count, so more connections may send more, and one connection its own limit."""
    settings = WsSettings(ws_connections_per_address=1000)
    assert from_settings(settings, 100_000).frames_per_address == 12_000
    assert from_settings(WsSettings(), 100_000).frames_per_address == WsLimits().frames_per_address
    few = WsSettings(ws_connections_per_address=1, ws_messages_per_minute=300)
    assert from_settings(few, 100_000).frames_per_address == 300
