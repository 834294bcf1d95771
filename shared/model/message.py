"""One message of a user's channel: what save.lua publishes, and readers take in."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from shared.model.validation import is_update, is_version


class PresenceMessage(Struct, frozen=True):
    """What changed, as JSON ready to send."""

    version: int
    profile: Raw | UnsetType = UNSET
    presence: Raw | UnsetType = UNSET
    removed: bool = False
    received: int = 0  # shared.redis.store.Save.received


_decode: Final = msgspec.json.Decoder(PresenceMessage).decode


def read(message: bytes) -> PresenceMessage | None:
    """None when the gateway cannot have written it, or clients may not be sent it."""
    try:
        update = _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told = [part for part in (update.profile, update.presence) if part is not UNSET]
    if not (told or update.removed):
        return None
    well = is_version(update.version) and all(is_update(bytes(part)) for part in told)
    return update if well else None
