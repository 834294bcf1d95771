"""A TCP proxy in front of one part: the wire between two processes, which can be broken."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Final

_PIECE: Final = 1 << 16  # bytes
_SLICE: Final = 0.05  # seconds, where the rate is limited
_RST: Final = struct.pack("ii", 1, 0)  # linger for 0 s: unsent data is thrown away


class TcpProxy:
    """Listens on a port of its own and passes everything on to 127.0.0.1:`target`."""

    def __init__(self, name: str, target: int, buffer: int = _PIECE) -> None:
        """`buffer`: bytes that wait in each part of it for a client that does not read."""
        self.name = name
        self.port = 0
        self.delay = 0.0  # seconds that each piece takes
        self.rate = 0.0  # bytes a second in each direction; 0: as fast as it goes
        self._target = target
        self._buffer = buffer
        self._open = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._mid_frame = 0  # pieces that still have to be broken in two
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        near = socket.socket()
        if self._buffer < _PIECE:  # what is accepted has it too
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
        """End every connection (FIN) and take no new ones until `mend`."""
        self._open = False
        for writer in list(self._writers):
            writer.close()

    def reset(self) -> None:
        """RST on every connection; new ones are taken."""
        for writer in list(self._writers):
            _abort(writer)

    def break_frames(self, pieces: int) -> None:
        """So many of the next pieces are cut in half, and their connections reset there."""
        self._mid_frame = pieces

    def fall_silent(self) -> None:
        """Nothing comes through, and every connection stays open."""
        self._flowing.clear()

    def heal(self) -> None:
        """Everything is as it should be; what was held up comes through."""
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
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except (OSError, RuntimeError):  # RuntimeError: the other way has been closed meanwhile
            for end in ends:
                _abort(end)
        finally:
            self._writers.difference_update(ends)
            for end in ends:
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        far = socket.socket()
        far.setblocking(False)
        if self._buffer < _PIECE:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        try:
            await asyncio.get_running_loop().sock_connect(far, ("127.0.0.1", self._target))
        except BaseException:
            far.close()
            raise
        return await asyncio.open_connection(sock=far, limit=self._buffer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
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
        """Write at the rate of the moment."""
        while self.rate and data:
            size = max(1, int(self.rate * _SLICE))
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            await asyncio.sleep(_SLICE)
        writer.write(data)
        await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
