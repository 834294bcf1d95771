"""Reads the frames that one client sends, by websockets' Sans-I/O protocol.

The reader is made when bytes arrive, and dropped when they end with a whole message: an idle
client has none.
"""

from __future__ import annotations

import codecs
import logging
from typing import Final

from msgspec import Struct
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side

from services.ws.protocol import CloseReason

CHUNK_BYTES: Final = 1024  # parsed before the frames are counted against the limit

_DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

_silent = logging.getLogger("websockets.server")
_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class _FrameProtocol(Protocol):
    """websockets' protocol, but a Close is allowed between the fragments of a message.

    RFC 6455 section 5.4 allows every control frame there. websockets answers with 1002, because
    the message stays incomplete. This server discards it: a client that leaves has no more to say.
    """

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # the fragmented message is over
        super().recv_frame(frame)


class ReadResult(Struct):
    """The outcome of a chunk of bytes."""

    frames: int  # of every kind
    reply: bytes  # pongs, a Close
    closed: bool  # nothing may be sent after `reply`
    messages: list[bytes]  # whole ones


class Incoming:
    """Checks and counts frames, and joins fragments to messages."""

    __slots__ = ("_fragmented", "_message", "_parsed", "_protocol", "_received", "_text")

    def __init__(self, max_size: int) -> None:
        """`max_size`: of a message, in bytes."""
        self._message = bytearray()  # its fragments so far
        self._protocol = _FrameProtocol(Side.SERVER, max_size=max_size, logger=_silent)
        self._text: codecs.IncrementalDecoder | None = None  # inside a fragmented text message
        self._fragmented = False
        self._received = 0
        self._parsed = 0

    @property
    def between_messages(self) -> bool:
        """Whether neither a frame nor a fragmented message is unfinished.

        A length that is not encoded in the fewest bytes leaves this False: that costs only memory.
        """
        return self._received == self._parsed and not self._fragmented

    def feed(self, chunk: bytes) -> ReadResult:
        """Parse a chunk. A violation of RFC 6455 is answered with the Close that it requires."""
        self._received += len(chunk)
        self._protocol.receive_data(chunk)
        frames = 0
        messages: list[bytes] = []
        for frame in self._protocol.events_received():
            frames += 1
            if not (isinstance(frame, Frame) and self._accept(frame)):
                self._protocol.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
                break
            if frame.opcode in _DATA:
                self._message += frame.data
                if frame.fin:
                    messages.append(bytes(self._message))
                    self._message.clear()
        writes = self._protocol.data_to_send()
        return ReadResult(frames, b"".join(writes), b"" in writes, messages)

    def close_sent(self, reason: CloseReason) -> None:
        """We have sent Close: the client's Close is the answer to it, and is not answered."""
        self._protocol.send_close(reason.close_code, reason.name)
        self._protocol.data_to_send()

    def _accept(self, frame: Frame) -> bool:
        """Return False for a text message that is not UTF-8 (RFC 6455 section 8.1)."""
        self._parsed += _size(frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._fragmented = not frame.fin
            self._text = _utf8_decoder() if frame.opcode is Opcode.TEXT else None
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
    """Number of bytes of the masked frame on the wire, with its length in the fewest bytes."""
    size = len(frame.data)
    return 6 + size + (0 if size < 126 else 2 if size < 65_536 else 8)
