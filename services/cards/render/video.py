"""The frames of a nameplate: Discord animates them as WebM, which no `<img>` in an SVG shows.

The same rules as for images apply: what the file declares is checked before a frame is decoded,
only the formats of Discord's CDN are tried, and no part of the file is passed on. FFmpeg is loaded
with the first video of a process. It is there on Linux only: requirements/cards.in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from PIL import Image

if TYPE_CHECKING:
    import av

SIGNATURE: Final = b"\x1a\x45\xdf\xa3"  # EBML: RFC 8794
MAX_VIDEO_PIXELS: Final = 500_000  # of a frame: Discord's have 448 x 84
MAX_PACKETS: Final = 900  # half a minute
_DECODERS: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own do not decode opacity
_FRAME_MS: Final = 40  # where the file does not say it


class InvalidVideo(Exception):
    """Raised when the bytes are not a video that may be shown; the text gives the reason."""


def frames(data: bytes, most: int) -> Iterator[tuple[Image.Image, int]]:
    """RGBA frames with their durations in ms, at most `most` of them. Raises InvalidVideo.

    Frames are dropped evenly, and the others take their time.
    """
    try:
        import av  # noqa: PLC0415 (35 MB of memory)
    except ImportError:
        raise InvalidVideo("videos cannot be decoded here") from None
    try:
        with av.open(io.BytesIO(data), "r", format="webm") as source:
            yield from _decoded(source, most)
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise InvalidVideo(f"cannot be decoded: {type(error).__name__}") from None


def _decoded(source: av.container.InputContainer, most: int) -> Iterator[tuple[Image.Image, int]]:
    if not source.streams.video:
        raise InvalidVideo("has no video")
    stream = source.streams.video[0]
    declared = stream.codec_context
    if declared.name not in _DECODERS or not declared.width * declared.height:
        raise InvalidVideo("is in another format")
    _check_size(declared.width, declared.height)
    packets = []
    for packet in source.demux(stream):
        packets.append(packet)
        if len(packets) > MAX_PACKETS:
            raise InvalidVideo("is too long")
    decoder = cast("av.VideoCodecContext", declared.create(_DECODERS[declared.name], "r"))
    decoder.extradata = declared.extradata
    decoder.thread_count = 1
    rate = stream.average_rate
    duration = round(1000 / rate) if rate else _FRAME_MS
    step = max(1, -(-len(packets) // most))
    kept: Image.Image | None = None
    shown = number = 0
    for packet in packets:
        for frame in decoder.decode(packet):
            if number % step == 0:
                if kept is not None:
                    yield kept, shown
                _check_size(frame.width, frame.height)
                kept, shown = _image(frame), 0
            shown += min(max(duration, 10), 1000)
            number += 1
    if kept is None:
        raise InvalidVideo("has no frame")
    yield kept, shown


def _check_size(width: int, height: int) -> None:
    """A frame may be larger than the file declares."""
    if width * height > MAX_VIDEO_PIXELS:
        raise InvalidVideo(f"has {width} x {height} pixels")


def _image(frame: av.VideoFrame) -> Image.Image:
    plain = frame.reformat(format="rgba")
    plane = plain.planes[0]
    size = (plain.width, plain.height)
    return Image.frombytes("RGBA", size, bytes(plane), "raw", "RGBA", plane.line_size)
