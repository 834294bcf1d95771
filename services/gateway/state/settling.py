"""Lets time decide where servers go on showing different things (merged_presence.py).

Before it does, Discord is asked: in very large servers it leaves out events of some users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
        self,
        users: UserCache,
        guilds: GuildCache,
        writer: Writer,
        shards: Sequence[Shard],
        ask: Callable[[int, int], None] = lambda guild_id, user_id: None,
    ) -> None:
        """`ask`: takes a guild whose events come, and a member to be requested."""
        self._users = users
        self._guilds = guilds
        self._writer = writer
        self._shards = shards
        self._ask = ask

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
            if merged := cached.merged:
                for guild_id in merged.to_ask():
                    if self._is_live(user_id, guild_id):
                        self._ask(guild_id, user_id)
            if number % _BATCH == 0:
                await asyncio.sleep(0)

    def _is_live(self, user_id: int, guild_id: int) -> bool | None:
        return is_followed(self._shards, guild_id) and self._guilds.is_live(guild_id, user_id)
