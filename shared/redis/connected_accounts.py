"""The connections that a user has consented to give, in the durable Redis.

All of them, hidden ones too: the user chooses from the list. shared.model.connected_accounts says
which ones may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from shared.model.connected_accounts import OwnConnection
from shared.redis import keys
from shared.redis.clients import is_damage
from shared.redis.durable import available
from shared.redis.scripts import Script
from shared.redis.store import Store

_WRITE: Final = Script("connections_write.lua")
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(list[OwnConnection]).decode


class ConnectedAccountsStore:
    """Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def replace(self, user_id: int, connections: Sequence[OwnConnection]) -> None:
        """These are all that the user has now. Gateways are told if that is a change."""
        await self._write(user_id, _encode(connections))

    async def get(self, user_id: int) -> list[OwnConnection]:
        """One user's; empty without consent."""
        [found] = await self.get_many([user_id])
        return found

    async def get_many(self, user_ids: Sequence[int]) -> list[list[OwnConnection]]:
        """Each user's, in one round trip. What is damaged counts as empty."""
        async with available(), self._durable.reachable():
            pipe = self._durable.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.get(keys.durable_connections(user_id))
            rows = await pipe.execute(raise_on_error=False)
            for row in rows:
                if isinstance(row, Exception) and not is_damage(row):
                    raise row
        return [_connections(row) for row in rows]

    async def erase(self, user_id: int) -> None:
        """The consent has ended."""
        await self._write(user_id, b"")

    async def _write(self, user_id: int, json: bytes) -> None:
        name = keys.durable_connections(user_id)
        async with available():
            await self._durable.run_script(_WRITE, [name], json, keys.SETTINGS_CHANNEL, user_id)


def _connections(row: Any) -> list[OwnConnection]:
    try:
        return _decode(row) if isinstance(row, bytes) else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
