"""The sets that name everyone: the roster of each guild, the guilds that have one, all users.

They lie in other slots of a Redis Cluster than the users whom they name, so no script can change
them together with a user. What belongs to a guild is said by one process at a time, so a change
that comes after a later one of the same guild is late, and is not made (roster.lua).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from shared.redis import keys
from shared.redis.clients import Commands
from shared.redis.scripts import Argument, Script

_CHANGE: Final = Script("membership.lua")

OfGuilds = Mapping[int, Sequence[int]]
"""Users by guild."""


class Rosters:
    """Each change has an order, and gives the greater one that stands against it, or 0."""

    def __init__(self, redis: Commands) -> None:
        self._redis = redis

    async def widen(self, joined: OfGuilds, order: int) -> int:
        """These users are in these guilds."""
        calls = []
        for guild_id, users in joined.items():
            calls.append(_change(keys.members(guild_id), guild_id, order, users))
            calls.append(_change(keys.GUILDS, guild_id, order, [guild_id]))
            calls.append(_change(keys.USERS, guild_id, order, users))
        return await self._run(calls)

    async def narrow(self, left: OfGuilds, gone: Collection[int], order: int) -> int:
        """These users are not in these guilds; `gone` are those who are in none at all.

        The list of all users is told also of those who stay: whatever was to be said of them
        earlier, and is still under way, comes too late then.
        """
        calls = []
        for guild_id, users in left.items():
            stay = [user for user in users if user not in gone]
            calls.append(_change(keys.members(guild_id), guild_id, order, (), users))
            calls.append(
                _change(keys.USERS, guild_id, order, stay, [one for one in users if one in gone])
            )
        late = await self._run(calls)
        if late or not gone:
            return late
        back = await self._returned(sorted(gone))
        return await self._run(
            [
                _change(keys.USERS, guild_id, order, some)
                for guild_id, users in left.items()
                if (some := [user for user in users if user in back])
            ]
        )

    async def forget(self, guild_id: int, order: int) -> int:
        """Strike the guild off the list, unless somebody is on its roster."""
        if await self._redis.exists(keys.members(guild_id)):
            return 0
        late = await self._run([_change(keys.GUILDS, guild_id, order, (), [guild_id])])
        if late or not await self._redis.exists(keys.members(guild_id)):
            return late
        return await self._run([_change(keys.GUILDS, guild_id, order, [guild_id])])

    async def _run(self, calls: Sequence[Sequence[Argument]]) -> int:
        return max(await _CHANGE.run_many(self._redis, 2, calls)) if calls else 0

    async def _returned(self, gone: Sequence[int]) -> set[int]:
        """Another shard's process may let a user in just before they are struck off."""
        pipe = self._redis.pipeline(transaction=False)
        for user_id in gone:
            pipe.exists(keys.guilds(user_id))
        there = await pipe.execute()
        return {user_id for user_id, exists in zip(gone, there, strict=True) if exists}


def _change(
    name: str, guild_id: int, order: int, added: Sequence[int], removed: Sequence[int] = ()
) -> list[Argument]:
    return [name, keys.fence(name), guild_id, order, len(added), *added, *removed]
