"""Reads PRESENCE_UPDATE in the form that most have: the user is named by the id alone.

The presence stays undecoded until it is needed. Discord sends each change once for each guild of
the user that the bot is in, and a hash of the bytes tells repetitions. A new presence is decoded
and checked in one step; one that does not pass is sanitized. An event of another form is decoded
like any other.

Discord docs: Gateway Events, Presence Update.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from services.gateway.normalize.presence_json import AnyPresence

_NAME: Final = b'"PRESENCE_UPDATE"'
_NAMED_WITHIN_BYTES: Final = 64  # Discord sends the name first, and the data last


class UnreadablePresence(Exception):
    """Raised for a presence that cannot be decoded."""


class _UserId(Struct, gc=False, forbid_unknown_fields=True):
    """A user who has not changed: one who has comes with their name and all."""

    id: str


class PresenceEvent(Struct, gc=False):
    """The data of the event, without what is not kept."""

    user: _UserId
    status: Raw
    client_status: Raw
    activities: Raw
    guild_id: str | UnsetType = UNSET

    def shown_hash(self) -> int:
        """Hash of what is shown, as it came. Never 0."""
        return hash((bytes(self.status), bytes(self.client_status), bytes(self.activities))) or 1

    def presence(self) -> bytes | dict[str, Any]:
        """As presence_json.of gives it; as Discord sent it, if something would be removed.

        Raises UnreadablePresence.
        """
        shown = b'{"status":%b,"client_status":%b,"activities":%b}' % (
            bytes(self.status),
            bytes(self.client_status),
            bytes(self.activities),
        )
        try:
            return _decode_presence(shown).presence()
        except (msgspec.DecodeError, RecursionError):
            return _sent(shown)


def _sent(shown: bytes) -> dict[str, Any]:
    try:
        sent: dict[str, Any] = json.loads(shown)  # numbers of any size, which msgspec refuses
    except (ValueError, RecursionError) as error:
        raise UnreadablePresence from error
    return sent


class PresenceDispatch(Struct, gc=False):
    """The event as it comes. Discord docs: Gateway Events, Payload Structure."""

    op: Literal[0]
    t: Literal["PRESENCE_UPDATE"]
    s: int
    d: PresenceEvent


_decode = msgspec.json.Decoder(PresenceDispatch).decode
_decode_presence = msgspec.json.Decoder(AnyPresence).decode


def read(message: bytes | str) -> PresenceDispatch | None:
    """None if it is another event, or not as it should be."""
    if not isinstance(message, bytes) or _NAME not in message[:_NAMED_WITHIN_BYTES]:
        return None
    try:
        if not message.isascii():
            message.decode()  # msgspec does not check the text in what it leaves undecoded
        return _decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
