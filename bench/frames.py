"""The frames of docs/websocket.md, made without any code of the services."""

from __future__ import annotations

import struct

from bench import people


def presence_update(user_id: int, change: int) -> bytes:
    """RFC 6455 section 5.2: one whole text frame, unmasked."""
    payload = b'{"op":"presence_update","user_id":"%d","d":%b}' % (user_id, people.presence(change))
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload
