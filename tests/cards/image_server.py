"""An image server that misbehaves in every way, on real sockets."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from PIL import Image

import simulator
from simulator.png import SIGNATURE, png

VIDEO: Final = (Path(simulator.__file__).parent / "videos" / "lantern.webm").read_bytes()
GOOD: Final = png([bytes([1, 2] * 8)] * 16, [(0, 0, 0, 0), (200, 40, 40, 255), (40, 40, 200, 255)])


class ImageServer:
    """Answers `/kind/…` by its kind, and counts. Use `serving_images`."""

    def __init__(self) -> None:
        self.port = 0
        self.requested: list[str] = []
        self.sent = 0  # bytes of bodies
        self.hold = asyncio.Event()  # what `slow` waits for
        self.recovered = False  # every path is `good` now
        self.other: str = ""  # where `redirect` leads

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.requested.append(path)
            await self._answer("good" if self.recovered else path.split("/")[1], writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, kind: str, writer: asyncio.StreamWriter) -> None:
        match kind:
            case "redirect":
                writer.write(
                    f"HTTP/1.1 302 Found\r\nLocation: {self.other}\r\n".encode()
                    + b"Content-Length: 0\r\n\r\n"
                )
            case "endless":  # 10 GB, unannounced
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + SIGNATURE)
                for _ in range(10 * 1024):
                    writer.write(bytes(1 << 20))
                    self.sent += 1 << 20
                    await writer.drain()
            case "announced":  # 10 GB, announced
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n" + SIGNATURE)
                await writer.drain()
                await self.hold.wait()
            case "drip":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + SIGNATURE)
                while not self.hold.is_set():
                    writer.write(b"\0")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            case "silent":
                await self.hold.wait()
            case "slow":
                await self.hold.wait()
                _whole(writer, GOOD)
            case "page":
                _whole(writer, b"<!doctype html><script>alert(1)</script>")
            case "video":
                _whole(writer, VIDEO)
            case "svg":
                _whole(writer, b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')
            case "gzip":
                _whole(writer, zlib.compress(bytes(100 << 20), 9, 31), b"Content-Encoding: gzip")
            case "bomb":
                _whole(writer, bomb())
            case "broken":
                _whole(writer, GOOD[:60])
            case "busy":
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            case "reset":
                writer.transport.abort()
            case "missing":
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            case _:
                _whole(writer, GOOD)


@asynccontextmanager
async def serving_images() -> AsyncIterator[ImageServer]:
    images = ImageServer()
    server = await asyncio.start_server(images.answer, "127.0.0.1", 0)
    images.port = server.sockets[0].getsockname()[1]
    try:
        yield images
    finally:
        images.hold.set()
        server.close()
        await server.wait_closed()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A small PNG that declares 3.6 thousand million pixels and holds 20 MB of them."""
    return _png(width, height, zlib.compress(bytes(20 << 20), 9))


def blank(width: int, height: int) -> bytes:
    """A valid PNG, transparent everywhere, of some kilobytes."""
    return _png(width, height, zlib.compress(bytes((1 + 4 * width) * height), 9))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data))
            + kind
            + data
            + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def animation(kind: str, frames: int = 12, size: int = 64) -> bytes:
    """An animated GIF, PNG or WebP."""
    drawn = [
        Image.new("RGB", (size, size), (255 * n // frames, 80, 255 - 255 * n // frames))
        for n in range(frames)
    ]
    file = io.BytesIO()
    drawn[0].save(file, kind, save_all=True, append_images=drawn[1:], duration=50, loop=0)
    return file.getvalue()


def _whole(writer: asyncio.StreamWriter, body: bytes, *headers: bytes) -> None:
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: image/png", b"Content-Length: %d" % len(body)]
    writer.write(b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body)
