"""The WebSocket command in the README and in the output of `make run`."""

from __future__ import annotations

import asyncio
import signal

from websockets.asyncio.server import ServerConnection, serve

from services.run.watch import printable
from testing.eventually import PATIENCE
from testing.free_port import free_port
from testing.process import Process


async def start(url: str) -> Process:
    return await Process.start_module("services.run.watch", url)


async def test_it_prints_a_frame_on_a_line_until_ctrl_c() -> None:
    """It needs no standard input, and exits with 0 after SIGINT."""

    async def two_frames(socket: ServerConnection) -> None:
        await socket.send('{"op": "initial_data"}')
        await socket.send('{"op": "presence_update"}')
        await socket.wait_closed()

    async with serve(two_frames, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        port = next(iter(server.sockets)).getsockname()[1]
        process = await start(f"ws://127.0.0.1:{port}/?user_id=1")
        assert await process.next_line() == '{"op": "initial_data"}'
        assert await process.next_line() == '{"op": "presence_update"}'
        assert await process.stop(signal.SIGINT) == 0
        assert len(process.lines) == 2


async def test_it_prints_why_the_server_closed() -> None:
    """After a close it prints code and reason, and exits with status 1."""

    async def refuse(socket: ServerConnection) -> None:
        await socket.close(4404, "user_not_monitored")

    async with serve(refuse, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        port = next(iter(server.sockets)).getsockname()[1]
        process = await start(f"ws://127.0.0.1:{port}/?user_id=1")
        assert await process.ended() == 1
        assert "4404" in process.stderr[-1]
        assert "user_not_monitored" in process.stderr[-1]


async def test_it_says_when_nothing_listens() -> None:
    """No server: one line, no traceback."""
    async with asyncio.timeout(PATIENCE):
        process = await start(f"ws://127.0.0.1:{free_port()}/?user_id=1")
        assert await process.ended() == 1
    assert len(process.stderr) == 1


def test_control_characters_are_escaped() -> None:
    """Control and bidirectional characters are printed as numbers; letters and emoji stay."""
    assert printable("\x9b2Jé🎧\u202e") == "\\u009b2Jé🎧\\u202e"
