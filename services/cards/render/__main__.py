"""`python -m services.cards.render`: a render process. Reads jobs from standard input.

Drawing and decoding take tens of milliseconds of CPU, some of it in libraries that hold the GIL,
and the images come from foreign servers. In a process of its own this does not block the service's
event loop. An image that crashes or blocks a decoder costs one render process, which the service
kills and replaces. When the service exits, the pipe closes and this process ends.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from typing import BinaryIO, Final

import msgspec

from services.cards.render import sandbox
from services.cards.render.badge import badge
from services.cards.render.card import card, placeholder
from services.cards.render.now_playing import now_playing
from services.cards.render.raster import bounded_png
from services.cards.render.scaling import InvalidImage, scale
from services.cards.render_jobs import (
    DrawBadge,
    DrawCard,
    DrawNowPlaying,
    DrawPlaceholder,
    Rendered,
    RenderJob,
    RenderResult,
    ScaledImage,
    ScaleFailed,
    ScaleImage,
)

MEMORY_LIMIT_BYTES: Final = 1 << 30  # of address space; 200 MB are in use
_LENGTH: Final = struct.Struct("<I")

_decode = msgspec.msgpack.Decoder(RenderJob).decode
_encode = msgspec.msgpack.Encoder().encode


def main() -> int:
    """Run until the input ends. Each message follows its length: four bytes, little-endian."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the service, which then closes the pipe
    os.nice(10)  # yields to the processes that serve presence
    sys.excepthook = _report_in_one_line
    _limit_memory()
    sandbox.confine()
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while (message := _read(incoming)) is not None:
        answer = _encode(run_job(_decode(message)))
        outgoing.write(_LENGTH.pack(len(answer)) + answer)
        outgoing.flush()
    return 0


def run_job(job: RenderJob) -> RenderResult:
    """Do one job."""
    match job:
        case ScaleImage(data, role, animated):
            try:
                return ScaledImage(scale(data, role, animated))
            except InvalidImage as error:
                return ScaleFailed(str(error))
            except MemoryError:
                return ScaleFailed("it takes too much memory")
        case DrawCard():
            return _rendered(card(job), job.png)
        case DrawNowPlaying():
            return _rendered(now_playing(job), job.png)
        case DrawPlaceholder():
            return _rendered(placeholder(job), job.png)
        case DrawBadge():
            return _rendered(badge(job), False)


def _report_in_one_line(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """What makes a job fail may come from a visitor: no traceback, and none of its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
    print(f"cards: a render process ends: {kind.__name__}{place}", file=sys.stderr)


def _rendered(svg: str, as_png: bool) -> Rendered:
    return Rendered(bounded_png(svg) if as_png else svg.encode())


def _limit_memory() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    except (OSError, ValueError):  # macOS has the limit but does not let it be set
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
