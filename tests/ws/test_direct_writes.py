"""Frames written directly to the descriptor: partial writes, errors, and the order of frames."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable

import msgspec
import pytest

from services.ws import fan_out
from services.ws.connection import Connection
from services.ws.limits import WsLimits
from services.ws.peer import NO_FD
from services.ws.session import PresenceSession
from services.ws.topic import Subscription
from shared.telemetry.metrics import total
from testing.eventually import eventually
from tests.ws.test_connection import reset
from tests.ws.ws_fixture import ANNA, BERT, Backend, RawClient, RunningServer, number_of

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

Write = Callable[[int, bytes], int]


class Kernel:
    """Replaces `os.write` in the fan-out: the test chooses how much of a frame it takes."""

    def __init__(self) -> None:
        self.frames = 0
        self.takes: Write = os.write

    def write(self, fd: int, frame: bytes) -> int:
        self.frames += 1
        return self.takes(fd, frame)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    one = Kernel()
    monkeypatch.setattr(fan_out, "write", one.write)
    return one


async def test_a_reader_that_keeps_up(backend: Backend, kernel: Kernel) -> None:
    """Every update after the first frame is written directly, and is counted."""
    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert await number(raw) == 0
        for update in range(1, 20):
            await backend.show(ANNA, update)
            assert await number(raw) == update
        assert kernel.frames == 19
        assert ws.counters.frames == 20
        await raw.hang_up()


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 100, -1])
async def test_a_part_of_a_frame(backend: Backend, kernel: Kernel, taken: int) -> None:
    """Wherever a partial write ends, the rest follows, then the next frame."""

    def some(fd: int, frame: bytes) -> int:
        return os.write(fd, frame[:taken])

    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert await number(raw) == 0
        for update in range(1, 10):
            kernel.takes = some if update % 2 else os.write
            await backend.show(ANNA, update)
        await eventually(lambda: kernel.frames == 9)
        assert [await number(raw) for _ in range(9)] == list(range(1, 10))
        assert ws.counters.frames == 10
        await raw.hang_up()


async def test_a_full_kernel(backend: Backend, kernel: Kernel) -> None:
    """On EAGAIN the transport sends the frame, once."""

    def full(fd: int, frame: bytes) -> int:
        raise BlockingIOError

    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert await number(raw) == 0
        kernel.takes = full
        await backend.show(ANNA, 1)
        assert await number(raw) == 1
        kernel.takes = os.write
        await backend.show(ANNA, 2)
        assert await number(raw) == 2
        assert ws.counters.frames == 3
        await raw.hang_up()


async def test_no_frame_overtakes_a_waiting_one(backend: Backend, kernel: Kernel) -> None:
    """While a partial frame waits in the transport, no frame overtakes it."""
    await backend.show(ANNA, 0)
    async with backend.serving(WsLimits(kernel_buffer=8192)) as ws:
        raw = await ws.raw(ANNA)
        raw.reader._transport.pause_reading()  # type: ignore[attr-defined]
        update = 0
        while not total(ws.counters.skipped):
            update += 1
            await backend.show(ANNA, update, size=20_000)
            await asyncio.sleep(0)
        assert [subscription.fd for subscription in subscriptions(ws)] == [NO_FD]
        written = kernel.frames
        await backend.show(ANNA, update + 1, size=20_000)
        await eventually(lambda: total(ws.counters.skipped) > 1)
        assert kernel.frames == written
        raw.reader._transport.resume_reading()  # type: ignore[attr-defined]
        shown = [await number(raw)]
        while shown[-1] != update + 1:
            shown.append(await number(raw))
        assert shown == sorted(set(shown))
        assert subscriptions(ws)[0].fd != NO_FD
        await backend.show(ANNA, update + 2)
        assert await number(raw) == update + 2
        assert kernel.frames == written + 1
        await raw.hang_up()


@pytest.mark.parametrize("error", [ConnectionResetError, BrokenPipeError])
async def test_a_dead_client(backend: Backend, kernel: Kernel, error: type[OSError]) -> None:
    """A reset that the fan-out notices first ends that client, and no other."""
    dead_fd = NO_FD

    def dead(fd: int, frame: bytes) -> int:
        if fd == dead_fd:
            os.fstat(fd)  # it is still open: no other client can have its number
            raise error
        return os.write(fd, frame)

    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        gone, stays = await ws.raw(ANNA), await ws.raw(ANNA)
        assert (await number(gone), await number(stays)) == (0, 0)
        dead_fd = subscriptions(ws)[0].fd
        kernel.takes = dead
        reset(gone)
        await backend.show(ANNA, 1)
        assert await number(stays) == 1
        await eventually(lambda: ws.counters.connections == 1)
        await backend.show(ANNA, 2)
        assert await number(stays) == 2
        await stays.hang_up()


async def test_numbers_are_used_again(backend: Backend, kernel: Kernel) -> None:
    """A client that gets the descriptor of a former client gets its own frames only."""
    await backend.show(ANNA, 0)
    await backend.show(BERT, 0)
    async with backend.serving() as ws:
        fds = set()
        for turn in range(1, 30):
            left = await ws.raw(ANNA)
            await number(left)
            fds.add(subscriptions(ws)[0].fd)
            reset(left)
            await backend.show(ANNA, turn)
            other = await ws.raw(BERT)
            await backend.show(ANNA, 1000 + turn)
            await backend.show(BERT, turn)
            shown = await number(other)
            while shown != turn:
                assert shown == turn - 1
                shown = await number(other)
            reset(other)
            await eventually(lambda: ws.counters.connections == 0)
        assert len(fds) < 29


@pytest.mark.parametrize("taken", [5, 10_000])
async def test_close_comes_last(backend: Backend, kernel: Kernel, taken: int) -> None:
    """Frames of the transport follow those that were written directly, in whole or in part."""
    kernel.takes = lambda fd, frame: os.write(fd, frame[:taken])
    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert await number(raw) == 0
        await backend.show(ANNA, 1)
        await backend.remove(ANNA)
        assert await number(raw) == 1
        opcode, payload = await raw.frame()
        assert (opcode, msgspec.json.decode(payload)["op"]) == (TEXT, "error")
        assert await raw.frame() == (CLOSE, struct.pack("!H", 4404) + b"user_not_monitored")
        assert kernel.frames == 1
        await raw.hang_up()


async def test_pongs_between_direct_writes(backend: Backend) -> None:
    """A pong is never written into the middle of a frame."""
    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert await number(raw) == 0
        for update in range(1, 50):
            raw.send(PING, b"%d" % update)
            await backend.show(ANNA, update)
        seen = [await raw.frame() for _ in range(98)]
        assert [payload for opcode, payload in seen if opcode == PONG] == [
            b"%d" % update for update in range(1, 50)
        ]
        assert [
            number_of(msgspec.json.decode(payload)) for opcode, payload in seen if opcode == TEXT
        ] == list(range(1, 50))
        await raw.hang_up()


async def test_no_write_after_the_end(backend: Backend) -> None:
    """Every end of a session takes the descriptor from its subscriptions."""
    await backend.show(ANNA, 0)
    await backend.show(BERT, 0)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA, BERT)
        await number(raw), await number(raw)
        found = subscriptions(ws)
        assert all(subscription.fd >= 0 for subscription in found)
        await backend.remove(ANNA)
        assert (await raw.frame())[0] == TEXT
        assert [subscription.fd == NO_FD for subscription in found] == [True, False]
        raw.send(CLOSE)
        assert (await raw.frame())[0] == CLOSE
        assert [subscription.fd for subscription in found] == [NO_FD, NO_FD]
        await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


def subscriptions(ws: RunningServer) -> list[Subscription]:
    """The subscriptions of every client, in the order of its request."""
    return [
        subscription
        for client in ws.context.keepalive
        if isinstance(client, Connection) and isinstance(client._session, PresenceSession)
        for subscription in client._session.subscriptions
    ]


async def number(raw: RawClient) -> int:
    opcode, payload = await raw.frame()
    assert opcode == TEXT
    return number_of(msgspec.json.decode(payload))
