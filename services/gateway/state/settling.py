"""Lets time decide where servers go on showing different things (merged_presence.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from services.gateway.discord.shard import Shard, is_followed
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.merged_presence import TICK_S
from services.gateway.state.user_cache import UserCache
from services.gateway.sync.writer import Writer

_BATCH: Final = 100  # users in one turn of the event loop


class Settling:
    """Ticks for the users of whom what is shown may change with time alone.

    Time counts in ticks: a process that was stopped for minutes has heard of nothing meanwhile, and
    one tick is all that has passed for it.
    """

    def __init__(
        self, users: UserCache, guilds: GuildCache, writer: Writer, shards: Sequence[Shard]
    ) -> None:
        self._users = users
        self._guilds = guilds
        self._writer = writer
        self._shards = shards

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """TICK_S has passed."""
        for number, (user_id, cached) in enumerate(self._users.waiting(), start=1):
            if cached.tick(partial(self._is_live, user_id)):
                self._writer.changed(user_id)
            if number % _BATCH == 0:
                await asyncio.sleep(0)

    def _is_live(self, user_id: int, guild_id: int) -> bool | None:
        return is_followed(self._shards, guild_id) and self._guilds.is_live(guild_id, user_id)
