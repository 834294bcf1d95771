"""The bytes of an event stream (HTML standard, "Server-sent events").

The stream ends with the connection. HTTP/1.0 and HTTP/1.1 allow that alike, and an update needs no
chunk around it.

There are no `id:` lines: an event is the newest state, so a client that comes back has missed none
of them. What it sends as Last-Event-ID is ignored.
"""

from __future__ import annotations

import random
from typing import Final

from services.ws import protocol
from services.ws.protocol import (
    NO_PONG,
    RATE_LIMITED,
    RESTART,
    UNAVAILABLE,
    USER_NOT_MONITORED,
    CloseReason,
    ErrorNotice,
)

COMMENT: Final = b":\n\n"
"""Keeps proxies from closing a stream without updates. Clients ignore it."""

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-store, no-transform\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"X-Accel-Buffering: no\r\n"  # nginx does not buffer it, whatever its configuration says
    b"Access-Control-Allow-Origin: *\r\n"
    b"Connection: close\r\n"
    b"\r\n"
)

MIN_RETRY_MS: Final = 1000
_RETRY_SPREAD: Final = 5  # the longest wait, in times of the shortest
_RETRY_MS: Final = {
    RESTART: MIN_RETRY_MS,
    UNAVAILABLE: MIN_RETRY_MS,
    NO_PONG: MIN_RETRY_MS,
    USER_NOT_MONITORED: 60_000,
    RATE_LIMITED: 60_000,
}
"""How long clients wait at least before they connect again, by why the stream has ended."""


def retry(reason: CloseReason = RESTART) -> bytes:
    """When the client is to connect again, should the stream end. Random: clients spread out."""
    shortest = _RETRY_MS[reason]
    return b"retry: %d\n\n" % random.randint(shortest, shortest * _RETRY_SPREAD)


def initial_data(user_id: int, profile: bytes, presence: bytes) -> bytes:
    return _event(b"initial_data", protocol.initial_payload(user_id, profile, presence))


def presence_update(user_id: int, presence: bytes) -> bytes:
    return _event(b"presence_update", protocol.presence_payload(user_id, presence))


def profile_update(user_id: int, profile: bytes) -> bytes:
    return _event(b"profile_update", protocol.profile_payload(user_id, profile))


def error(notice: ErrorNotice) -> bytes:
    return _event(b"error", notice.payload)


def _event(op: bytes, payload: bytes) -> bytes:
    """A line's end would end the event. In JSON it can only be white space between tokens."""
    line = payload.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"event: %b\ndata: %b\n\n" % (op, line)
