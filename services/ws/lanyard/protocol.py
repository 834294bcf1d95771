"""Lanyard's wire format: its frames, what its clients say, and its reasons for closing.

docs/lanyard.md has the contract. No frame has other keys than these: clients take any first frame
for Hello, and any second one for INIT_STATE.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.ws import protocol
from services.ws.protocol import CloseReason
from shared.discord import snowflake

UNKNOWN_OPCODE: Final = CloseReason(4004, "unknown_opcode")
REQUIRES_DATA_OBJECT: Final = CloseReason(4005, "requires_data_object")
INVALID_PAYLOAD: Final = CloseReason(4006, "invalid_payload")

NOBODY: Final = b"{}"  # stands for a user who is not monitored
_INITIALIZE, _HEARTBEAT, _UNSUBSCRIBE = 2, 3, 4
_HELLO: Final = b'{"op":1,"d":{"heartbeat_interval":30000}}'  # many clients have 30 s built in


class Encoding(Enum):
    """How frames are sent. Every client of one encoding gets the same bytes."""

    JSON = "json"
    ZLIB = "zlib_json"  # each frame a zlib stream of its own

    def frame(self, payload: bytes) -> bytes:
        """One whole WebSocket frame."""
        if self is Encoding.JSON:
            return protocol.text(payload)
        return protocol.binary(zlib.compress(payload))


def hello(encoding: Encoding) -> bytes:
    return encoding.frame(_HELLO)


def init_state(state: bytes) -> bytes:
    """The payload of the answer to Initialize. `state`: a presence, NOBODY, or a `user_map`."""
    return b'{"op":0,"t":"INIT_STATE","d":%b}' % state


def user_map(users: Iterable[tuple[str, bytes]]) -> bytes:
    """Presences by id. The ids are digits."""
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), one) for name, one in users)


def presence_update(presence: bytes) -> bytes:
    """The payload of an update."""
    return b'{"op":0,"t":"PRESENCE_UPDATE","d":%b}' % presence


class Initialize(Struct, frozen=True):
    """Subscribes, and wants an INIT_STATE. What is no id matches nobody, and is left out."""

    user_ids: tuple[int, ...]
    single: bool = False  # the answer is one presence, else a map
    everyone: bool = False


class Unsubscribe(Struct, frozen=True):
    """Ends subscriptions."""

    user_ids: tuple[int, ...]
    everyone: bool = False


Message = Initialize | Unsubscribe | CloseReason | None
"""What a client said. A CloseReason: it is to be closed. None: nothing to do."""


def decode_message(payload: bytes) -> Message:
    """Never raises: the payload comes from a stranger."""
    try:
        message = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return INVALID_PAYLOAD
    if not isinstance(message, dict):
        return INVALID_PAYLOAD
    op, data = message.get("op"), message.get("d")
    if type(op) is not int or op not in (_INITIALIZE, _HEARTBEAT, _UNSUBSCRIBE):
        return UNKNOWN_OPCODE
    if op == _HEARTBEAT:
        return None
    if op == _UNSUBSCRIBE:
        return _unsubscribe(data) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not data:
        return REQUIRES_DATA_OBJECT
    return _initialize(data)


def _initialize(data: dict[str, Any]) -> Message:
    if "subscribe_to_ids" in data:
        ids = data["subscribe_to_ids"]
        return Initialize(_user_ids(ids)) if isinstance(ids, list) else INVALID_PAYLOAD
    if "subscribe_to_id" in data:
        return Initialize(_user_ids([data["subscribe_to_id"]]), single=True)
    if data.get("subscribe_to_all") is True:
        return Initialize((), everyone=True)
    return INVALID_PAYLOAD


def _unsubscribe(data: dict[str, Any]) -> Message:
    ids = data.get("unsubscribe_from_ids")
    if isinstance(ids, list):
        return Unsubscribe(_user_ids(ids))
    if isinstance(data.get("unsubscribe_from_id"), str):
        return Unsubscribe(_user_ids([data["unsubscribe_from_id"]]))
    if data.get("unsubscribe_from_all") is True:
        return Unsubscribe((), everyone=True)
    return None


def _user_ids(values: list[Any]) -> tuple[int, ...]:
    """Each id once, in order. Ids that are numbers match nobody, as in Lanyard."""
    parsed = (snowflake.parse(value) for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(one for one in parsed if one is not None))
