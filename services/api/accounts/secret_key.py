"""The key ring of this process: from SECRET_KEY, or from the key that is kept in Redis."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from shared.key_ring import KeyRing
from shared.redis.grants import GrantStore

_MADE_BYTES: Final = 33


class KeyRings:
    """Makes the ring when it is needed first: the durable Redis may be away at the start."""

    def __init__(self, grants: GrantStore, configured: Sequence[str]) -> None:
        """`configured`: the keys of SECRET_KEY. A key that was made before it was set decrypts."""
        self._grants = grants
        self._configured = configured
        self._ring: KeyRing | None = None

    async def get(self) -> KeyRing:
        """Raises DurableUnavailable."""
        if self._ring is None:
            made = None if self._configured else secrets.token_urlsafe(_MADE_BYTES)
            self._ring = KeyRing.of(self._configured, await self._grants.secret_key(made))
        return self._ring
