"""A TCP proxy in front of one process: a connection that can be cut, delayed and stalled."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final

_CHUNK_BYTES: Final = 1 << 16
_SLICE_S: Final = 0.05  # how often a limited rate lets bytes through
_RST: Final = struct.pack("ii", 1, 0)  # linger for 0 s: unsent data is thrown away


class TcpProxy:
    """Listens on a port of its own, and forwards to 127.0.0.1:`target`."""

    def __init__(
        self,
        name: str,
        target: int,
        buffer: int = _CHUNK_BYTES,
        translate: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`buffer`: bytes that each socket and stream keeps for a client that does not read.
        `translate`: what the client gets in place of each chunk that the target sends."""
        self.name = name
        self.port = 0
        self.delay = 0.0  # seconds for each chunk
        self.rate = 0.0  # bytes per second in each direction; 0: no limit
        self._target = target
        self._buffer = buffer
        self._translate = translate
        self._open = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._mid_frame = 0  # chunks that still have to be cut in half
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        near = socket.socket()
        if self._buffer < _CHUNK_BYTES:  # accepted sockets inherit it
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer)
        near.bind(("127.0.0.1", 0))
        self.port = int(near.getsockname()[1])
        self._server = await asyncio.start_server(
            self._accept, sock=near, backlog=512, limit=self._buffer
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Close every connection (FIN) and accept none until `heal`."""
        self._open = False
        for writer in list(self._writers):
            writer.close()

    def reset(self) -> None:
        """RST on every connection; new ones are accepted."""
        for writer in list(self._writers):
            _abort(writer)

    def break_frames(self, chunks: int) -> None:
        """Cut each of the next chunks in half, and reset its connection there."""
        self._mid_frame = chunks

    def slow_down(self, *, delay: float = 0.0, rate: float = 0.0) -> None:
        """`delay`: seconds for each chunk. `rate`: bytes per second; 0: no limit."""
        self.delay, self.rate = delay, rate

    def stall(self) -> None:
        """Nothing comes through, and every connection stays open."""
        self._flowing.clear()

    def heal(self) -> None:
        """End every fault; what was held back is forwarded."""
        self._open = True
        self.delay = self.rate = 0.0
        self._mid_frame = 0
        self._flowing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            _abort(writer)
            return
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            _abort(writer)
            return
        for end in (writer, far_writer):
            end.transport.set_write_buffer_limits(self._buffer)
        ends = (writer, far_writer)
        self._writers.update(ends)
        try:
            await asyncio.gather(
                self._pump(reader, far_writer, bytes),
                self._pump(far_reader, writer, self._translate),
            )
        except (OSError, RuntimeError):  # RuntimeError: the other direction has been closed
            for end in ends:
                _abort(end)
        finally:
            self._writers.difference_update(ends)
            for end in ends:
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        far = socket.socket()
        far.setblocking(False)
        if self._buffer < _CHUNK_BYTES:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        try:
            await asyncio.get_running_loop().sock_connect(far, ("127.0.0.1", self._target))
        except BaseException:
            far.close()
            raise
        return await asyncio.open_connection(sock=far, limit=self._buffer)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        translate: Callable[[bytes], bytes],
    ) -> None:
        while data := translate(await reader.read(_CHUNK_BYTES)):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            if self._mid_frame > 0 and len(data) > 1:
                self._mid_frame -= 1
                writer.write(data[: len(data) // 2])
                await writer.drain()
                await asyncio.sleep(0.01)  # else the reset would overtake the half
                raise ConnectionResetError
            await self._trickle(data, writer)
        await self._flowing.wait()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _trickle(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """Write at the current rate."""
        while self.rate and data:
            size = max(1, int(self.rate * _SLICE_S))
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            await asyncio.sleep(_SLICE_S)
        writer.write(data)
        await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
