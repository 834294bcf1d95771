"""`python -m services.api.card.drawing`: draws what the api asks for on standard input.

Drawing and decoding take tens of milliseconds of CPU, some of it in libraries that hold Python's
lock, and pictures come from strangers. So it happens here: the api's loop goes on meanwhile, a
picture that is too much for a decoder ends this process and not the api, and one that takes too
long can be ended. When the api goes away, its end of the pipe does, and this ends as well.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from typing import BinaryIO, Final

import msgspec

from services.api.card.drawing.badge import badge
from services.api.card.drawing.card import card, notice
from services.api.card.drawing.raster import png
from services.api.card.drawing.scaling import Unusable, scale
from services.api.card.jobs import (
    DrawBadge,
    DrawCard,
    Drawn,
    DrawNotice,
    Failed,
    Job,
    Result,
    Scale,
    Scaled,
)

MEMORY: Final = 1 << 30  # bytes of address space; 200 MB are in use
_LENGTH: Final = struct.Struct("<I")

_decode = msgspec.msgpack.Decoder(Job).decode
_encode = msgspec.msgpack.Encoder().encode


def main() -> int:
    """Until the input ends. Messages are preceded by their length: four bytes, little-endian."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the api, which then hangs up
    os.nice(10)  # presences go first
    _limit_memory()
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while (message := _read(incoming)) is not None:
        answer = _encode(work(_decode(message)))
        outgoing.write(_LENGTH.pack(len(answer)) + answer)
        outgoing.flush()
    return 0


def work(job: Job) -> Result:
    """Do one job."""
    match job:
        case Scale(data, role, moves):
            try:
                return Scaled(scale(data, role, moves))
            except Unusable as error:
                return Failed(str(error))
            except MemoryError:
                return Failed("it takes too much memory")
        case DrawCard():
            return _drawn(card(job), job.png)
        case DrawNotice():
            return _drawn(notice(job), job.png)
        case DrawBadge():
            return _drawn(badge(job), False)


def _drawn(svg: str, as_png: bool) -> Drawn:
    return Drawn(png(svg) if as_png else svg.encode())


def _limit_memory() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (OSError, ValueError):  # macOS knows the limit and does not let it be set
        return


def _read(incoming: BinaryIO) -> bytes | None:
    head = incoming.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = incoming.read(length)
    return message if len(message) == length else None


if __name__ == "__main__":
    sys.exit(main())
