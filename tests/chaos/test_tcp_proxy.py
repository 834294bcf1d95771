"""The wires: each way of breaking one is what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from testing.eventually import PATIENCE
from testing.tcp_proxy import TcpProxy

SOON = 0.2  # seconds


@pytest.fixture
async def link() -> AsyncIterator[TcpProxy]:
    """A proxy in front of an echo server."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    link = TcpProxy("echo", server.sockets[0].getsockname()[1])
    await link.start()
    yield link
    await link.close()
    server.close()
    await server.wait_closed()


class Caller:
    """Speaks through the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, link: TcpProxy) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", link.port))

    async def hears(self, words: bytes, within: float = PATIENCE) -> bytes:
        """What comes back; raises TimeoutError when nothing does."""
        self._writer.write(words)
        async with asyncio.timeout(within):
            return await self._reader.readexactly(len(words))

    async def rest(self) -> bytes:
        """Whatever still comes until the end."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()

    def close(self) -> None:
        self._writer.transport.abort()


async def test_an_unbroken_link_passes_everything(link: TcpProxy) -> None:
    caller = await Caller.to(link)
    assert await caller.hears(b"x" * 300_000) == b"x" * 300_000
    caller.close()


async def test_a_narrow_link_passes_everything_too(link: TcpProxy) -> None:
    """Little by little."""
    small_buffer = TcpProxy("narrow", link.port, 4096)
    await small_buffer.start()
    caller = await Caller.to(small_buffer)
    assert await caller.hears(b"x" * 300_000) == b"x" * 300_000
    caller.close()
    await small_buffer.close()


async def test_a_cut_proxy_accepts_no_connection(link: TcpProxy) -> None:
    """Connections end, new ones end at once, until it is healed."""
    caller = await Caller.to(link)
    await caller.hears(b"hello")
    link.cut()
    assert await caller.rest() == b""
    late = await Caller.to(link)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await late.hears(b"hello")
    link.heal()
    again = await Caller.to(link)
    assert await again.hears(b"hello") == b"hello"
    for one in (caller, late, again):
        one.close()


async def test_a_silent_link_loses_nothing(link: TcpProxy) -> None:
    """What was said meanwhile comes through afterwards."""
    caller = await Caller.to(link)
    link.stall()
    with pytest.raises(TimeoutError):
        await caller.hears(b"hello", SOON)
    link.heal()
    assert await caller.hears(b"") == b""
    assert await caller.hears(b", you") == b"hello"
    caller.close()


async def test_a_reset_link_says_so(link: TcpProxy) -> None:
    caller = await Caller.to(link)
    await caller.hears(b"hello")
    link.reset()
    with pytest.raises(ConnectionResetError):
        await caller.rest()
    caller.close()


async def test_a_frame_is_broken_in_two(link: TcpProxy) -> None:
    """Half of it arrives, and then the connection is reset."""
    caller = await Caller.to(link)
    await caller.hears(b"hello")
    link.break_frames(1)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await caller.hears(b"goodbye!")
    caller.close()


async def test_a_slow_link_is_slow(link: TcpProxy) -> None:
    caller = await Caller.to(link)
    link.delay = SOON
    began = asyncio.get_running_loop().time()
    assert await caller.hears(b"hello") == b"hello"
    assert asyncio.get_running_loop().time() - began >= SOON
    link.heal()
    link.rate = 1000.0
    began = asyncio.get_running_loop().time()
    assert await caller.hears(b"x" * 200) == b"x" * 200
    assert asyncio.get_running_loop().time() - began >= 0.1
    caller.close()
