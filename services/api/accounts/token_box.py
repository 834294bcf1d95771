"""Encrypts the tokens of users for Redis, and decrypts them."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from msgspec import Struct

from services.api.accounts.secret_key import KeyRings

log = logging.getLogger(__name__)

_PURPOSE: Final = "tokens"


class SealedTokens(Struct, frozen=True):
    """What is encrypted. The user is in it: it is of no use in another user's grant."""

    user_id: int
    access: str
    refresh: str
    name: str
    avatar: str | None  # its hash


class TokenBox:
    """Methods raise DurableUnavailable while the key is in the durable Redis, and that is away."""

    def __init__(self, rings: KeyRings) -> None:
        self._rings = rings
        self._logged = False

    async def seal(self, tokens: SealedTokens) -> bytes:
        """With the newest key."""
        return (await self._rings.get()).encrypt(_PURPOSE, msgspec.json.encode(tokens))

    async def open(self, user_id: int, sealed: bytes) -> SealedTokens | None:
        """None: of another key, user or version of Grux, or changed."""
        text = (await self._rings.get()).decrypt(_PURPOSE, sealed)
        try:
            tokens = None if text is None else msgspec.json.decode(text, type=SealedTokens)
        except msgspec.DecodeError:
            tokens = None
        if tokens is not None and tokens.user_id == user_id:
            return tokens
        if not self._logged:
            self._logged = True
            log.warning(
                "accounts: tokens cannot be decrypted with SECRET_KEY. If it was changed, write "
                "the old key after the new one, with a comma between them; until then the "
                "connected accounts of these users are not refreshed"
            )
        return None
