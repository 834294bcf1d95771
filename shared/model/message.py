"""One message of a user's channel. Scripts of shared/redis publish it, subscribers decode it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.model.key_value import is_kv
from shared.model.validation import is_update, is_version


class PresenceMessage(Struct, frozen=True):
    """What changed, as JSON ready to send."""

    version: int
    profile: Raw | UnsetType = UNSET
    presence: Raw | UnsetType = UNSET
    kv: Raw | UnsetType = UNSET  # the whole key-value store of the user
    hidden: tuple[str, ...] | UnsetType = UNSET  # Snapshot.hidden, when it has changed
    removed: bool = False
    discord: bool = False  # nothing changed but what Lanyard's dialect alone shows
    received: int = 0  # shared.redis.store.Save.received


_decode: Final = msgspec.json.Decoder(PresenceMessage).decode


def decode_message(message: bytes) -> PresenceMessage | None:
    """None when no gateway can have published it, or it must not be sent to clients."""
    try:
        update = _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    changes = update.removed or update.discord or update.hidden is not UNSET
    for part in (update.profile, update.presence):
        if part is not UNSET:
            changes = True
            if not is_update(bytes(part)):
                return None
    if update.kv is not UNSET:
        changes = True
        if not is_kv(bytes(update.kv)):
            return None
    return update if changes and is_version(update.version) else None
