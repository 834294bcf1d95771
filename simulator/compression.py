"""How a connection's messages are packed. Source: events/gateway, "Compressing Data"."""

import sys
import zlib
from collections.abc import Callable
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Pack = Callable[[bytes], bytes]

# Level 1: a loopback link is never the bottleneck, the processor is.
_LEVEL: Final = 1


def zlib_stream() -> Pack:
    """One deflate context for the connection; each message ends with ``00 00 FF FF``."""
    deflate = zlib.compressobj(_LEVEL)

    def pack(message: bytes) -> bytes:
        return deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)

    return pack


def zstd_stream() -> Pack:
    """One frame that never ends; each message is flushed as a block of it."""
    compressor = zstd.ZstdCompressor(level=_LEVEL)

    def pack(message: bytes) -> bytes:
        return compressor.compress(message, zstd.ZstdCompressor.FLUSH_BLOCK)

    return pack


def payload() -> Pack:
    """Each message on its own (Identify's ``compress``)."""
    return lambda message: zlib.compress(message, _LEVEL)


TRANSPORTS: Final[dict[str, Callable[[], Pack]]] = {
    "zlib-stream": zlib_stream,
    "zstd-stream": zstd_stream,
}
