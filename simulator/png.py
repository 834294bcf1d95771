"""PNG files from palette indices or colour channels. Source: PNG specification (W3C), 5 and 11."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

Colour = tuple[int, int, int, int]
"""Red, green, blue, opacity; 0 to 255 each."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_BITS: Final = 8
_PALETTE: Final = 3
_TRUE_COLOUR: Final = {3: 2, 4: 6}  # by the number of channels


def png(rows: Sequence[bytes], palette: Sequence[Colour]) -> bytes:
    """A picture whose pixels are bytes of ``rows``, each an index into ``palette``.

    All rows are equally long and there is at least one.
    """
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), _BITS, _PALETTE, 0, 0, 0)
    # Each row begins with its filter; 0 is none.
    pixels = b"".join(b"\0" + row for row in rows)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", b"".join(bytes(colour[:3]) for colour in palette)),
            _chunk(b"tRNS", bytes(colour[3] for colour in palette)),
            _chunk(b"IDAT", zlib.compress(pixels, 6)),
            _chunk(b"IEND", b""),
        )
    )


def true_colour(width: int, channels: Sequence[bytes]) -> bytes:
    """A picture of red, green, blue and perhaps opacity; each has a byte for each pixel."""
    count = len(channels)
    pixels = bytearray(len(channels[0]) * count)
    for index, channel in enumerate(channels):
        pixels[index::count] = channel
    length = width * count
    height = len(pixels) // length
    rows = b"".join(
        b"\0" + pixels[start : start + length] for start in range(0, len(pixels), length)
    )
    header = struct.pack(">IIBBBBB", width, height, _BITS, _TRUE_COLOUR[count], 0, 0, 0)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
