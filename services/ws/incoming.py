"""What one client sends, read by websockets' Sans-I/O protocol.

It is made when bytes come, and dropped when they end with a whole message: an idle client
needs none.
"""

from __future__ import annotations

import codecs
import logging
from typing import Final

from msgspec import Struct
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side

from services.ws.protocol import CloseReason

PIECE: Final = 1024  # bytes parsed before anyone looks at the count of frames

_QUIET = logging.getLogger("websockets.server")
_utf8 = codecs.getincrementaldecoder("utf-8")


class _Wire(Protocol):
    """websockets' protocol, but that a Close may come between the fragments of a message.

    RFC 6455 section 5.4 allows every control frame there. websockets answers it with 1002, as the
    message will not be complete; ours needs none to be.
    """

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # no message is under way any more
        super().recv_frame(frame)


class ReadResult(Struct):
    """What a piece of bytes came to."""

    frames: int  # of every kind
    reply: bytes  # pongs, a Close
    ended: bool  # after `reply` nothing more is to be sent


class Incoming:
    """Bytes in; frames are checked, counted and forgotten: a client has nothing to tell us."""

    __slots__ = ("_fed", "_fragmented", "_read", "_text", "_wire")

    def __init__(self, max_size: int) -> None:
        self._wire = _Wire(Side.SERVER, max_size=max_size, logger=_QUIET)
        self._text: codecs.IncrementalDecoder | None = None  # inside a fragmented text message
        self._fragmented = False
        self._fed = 0
        self._read = 0

    @property
    def between_messages(self) -> bool:
        """Whether nothing is unfinished: no frame, no fragmented message.

        A length in more bytes than it needs leaves this False, which costs memory only.
        """
        return self._fed == self._read and not self._fragmented

    def feed(self, piece: bytes) -> ReadResult:
        """Read a piece. A breach of RFC 6455 ends in the Close frame that it asks for."""
        self._fed += len(piece)
        self._wire.receive_data(piece)
        frames = 0
        for frame in self._wire.events_received():
            frames += 1
            if not (isinstance(frame, Frame) and self._take(frame)):
                self._wire.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
                break
        writes = self._wire.data_to_send()
        return ReadResult(frames, b"".join(writes), b"" in writes)

    def close_sent(self, ending: CloseReason) -> None:
        """Our Close is on its way: the client's is its answer, and gets none."""
        self._wire.send_close(ending.close, ending.code)
        self._wire.data_to_send()

    def _take(self, frame: Frame) -> bool:
        """False when it makes a text message that is not UTF-8 (RFC 6455 section 8.1)."""
        self._read += _size(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._fragmented = not frame.fin
            self._text = _utf8() if frame.opcode is Opcode.TEXT else None
        elif frame.opcode is Opcode.CONT:
            self._fragmented = not frame.fin
        else:
            return True
        if self._text is not None:
            try:
                self._text.decode(bytes(frame.data), frame.fin)
            except UnicodeDecodeError:
                return False
        return True


def _size(frame: Frame) -> int:
    """The frame's bytes on the wire, masked, its length in the fewest bytes."""
    size = len(frame.data)
    return 6 + size + (0 if size < 126 else 2 if size < 65_536 else 8)
