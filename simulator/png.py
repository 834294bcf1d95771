"""PNG files from rows of palette indices. Source: the PNG specification (W3C), 5 and 11."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

Colour = tuple[int, int, int, int]
"""Red, green, blue, opacity; 0 to 255 each."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_BITS: Final = 8
_PALETTE: Final = 3


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


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
