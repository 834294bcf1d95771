"""The wire format: frames built from JSON bytes, and the reasons for closing a connection.

A frame is built once, and every client gets the same bytes: no mask, no extension, no fragments
(RFC 6455 section 5.2).
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
from msgspec import Struct

TEXT: Final = 0x81  # FIN and opcode 1
BINARY: Final = 0x82
CLOSE: Final = 0x88
PING: Final = b"\x89\x00"  # without a payload: any frame counts as the answer


def text(payload: bytes) -> bytes:
    """One whole text frame."""
    return _frame(TEXT, payload)


def binary(payload: bytes) -> bytes:
    """One whole binary frame."""
    return _frame(BINARY, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", opcode, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


def initial_payload(user_id: int, profile: bytes, presence: bytes) -> bytes:
    """The first message about a user, as JSON. `presence` is an object with members: they follow
    `profile`."""
    return b'{"op":"initial_data","user_id":"%d","d":{"profile":%b,%b}' % (
        user_id,
        profile,
        presence[1:],
    )


def presence_payload(user_id: int, presence: bytes) -> bytes:
    return b'{"op":"presence_update","user_id":"%d","d":%b}' % (user_id, presence)


def profile_payload(user_id: int, profile: bytes) -> bytes:
    return b'{"op":"profile_update","user_id":"%d","d":{"profile":%b}}' % (user_id, profile)


def initial_data(user_id: int, profile: bytes, presence: bytes) -> bytes:
    return text(initial_payload(user_id, profile, presence))


def presence_update(user_id: int, presence: bytes) -> bytes:
    return text(presence_payload(user_id, presence))


def profile_update(user_id: int, profile: bytes) -> bytes:
    return text(profile_payload(user_id, profile))


def error_payload(user_id: str | None, code: str, message: str) -> bytes:
    return msgspec.json.encode(
        {"op": "error", "user_id": user_id, "d": {"code": code, "message": message}}
    )


def error(user_id: str | None, code: str, message: str) -> bytes:
    return text(error_payload(user_id, code, message))


class CloseReason(Struct, frozen=True):
    """Why this side closes a connection."""

    close_code: int  # RFC 6455 section 7.4; 4000 and up are Grux's own
    name: str  # `code` of the error frame, and the reason in the Close frame

    @property
    def frame(self) -> bytes:
        """The Close frame. Its payload is at most 125 bytes: names are short (section 5.5)."""
        payload = struct.pack("!H", self.close_code) + self.name.encode()
        return struct.pack("!BB", CLOSE, len(payload)) + payload


INVALID_USER_ID: Final = CloseReason(4400, "invalid_user_id")
INVALID_MESSAGE: Final = CloseReason(4400, "invalid_message")
USER_NOT_MONITORED: Final = CloseReason(4404, "user_not_monitored")
NO_PONG: Final = CloseReason(4408, "no_pong")
RATE_LIMITED: Final = CloseReason(4429, "rate_limited")
RESTART: Final = CloseReason(1012, "restart")
UNAVAILABLE: Final = CloseReason(1013, "unavailable")


class ErrorNotice(Struct, frozen=True):
    """An error frame, and the reason for closing if no other user is left on the connection."""

    close_reason: CloseReason
    message: str
    user_id: str | None = None

    @property
    def payload(self) -> bytes:
        """The frame's JSON."""
        return error_payload(self.user_id, self.close_reason.name, self.message)

    @property
    def frame(self) -> bytes:
        return error(self.user_id, self.close_reason.name, self.message)
