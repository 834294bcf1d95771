"""The sets that list users: the members of each guild, the guilds that have any, all users.

In a Redis Cluster they lie in other slots than the users they list, so no script can change them
together with a user. Each guild is written by one process at a time; a change that arrives after
a later one of the same guild is stale and is not made (membership.lua).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from shared.redis import keys
from shared.redis.clients import Commands
from shared.redis.scripts import Call, Script

_CHANGE: Final = Script("membership.lua")

UsersByGuild = Mapping[int, Sequence[int]]


class Membership:
    """Changes the sets. Every method returns 0, or the later fence that made the change stale."""

    def __init__(self, redis: Commands) -> None:
        self._redis = redis

    async def add(self, joined: UsersByGuild, fence: int) -> int:
        """These users are in these guilds."""
        calls = []
        for guild_id, users in joined.items():
            calls.append(_change(keys.members(guild_id), guild_id, fence, users))
            calls.append(_change(keys.GUILDS, guild_id, fence, [guild_id]))
            calls.append(_change(keys.USERS, guild_id, fence, users))
        return await self._run(calls)

    async def remove(self, left: UsersByGuild, gone: Collection[int], fence: int) -> int:
        """These users are not in these guilds; those in `gone` are in no guild at all.

        Users who stay are written to the set of all users again: an earlier change of theirs that
        is still on its way becomes stale by that.
        """
        calls = []
        for guild_id, users in left.items():
            stay = [user for user in users if user not in gone]
            leave = [user for user in users if user in gone]
            calls.append(_change(keys.members(guild_id), guild_id, fence, (), users))
            calls.append(_change(keys.USERS, guild_id, fence, stay, leave))
        later = await self._run(calls)
        if later or not gone:
            return later
        back = await self._returned(sorted(gone))
        return await self._run(
            [
                _change(keys.USERS, guild_id, fence, some)
                for guild_id, users in left.items()
                if (some := [user for user in users if user in back])
            ]
        )

    async def remove_guild(self, guild_id: int, fence: int) -> int:
        """Remove the guild from the list, unless it has members."""
        if await self._redis.exists(keys.members(guild_id)):
            return 0
        later = await self._run([_change(keys.GUILDS, guild_id, fence, (), [guild_id])])
        if later or not await self._redis.exists(keys.members(guild_id)):
            return later
        return await self._run([_change(keys.GUILDS, guild_id, fence, [guild_id])])

    async def _run(self, calls: Sequence[Call]) -> int:
        return max(await _CHANGE.run_many(self._redis, calls)) if calls else 0

    async def _returned(self, gone: Sequence[int]) -> set[int]:
        """The process of another shard may add a user just before they are removed."""
        pipe = self._redis.pipeline(transaction=False)
        for user_id in gone:
            pipe.exists(keys.guilds(user_id))
        found = await pipe.execute()
        return {user_id for user_id, exists in zip(gone, found, strict=True) if exists}


def _change(
    name: str, guild_id: int, fence: int, added: Sequence[int], removed: Sequence[int] = ()
) -> Call:
    return [name, keys.fence(name)], [guild_id, fence, len(added), *added, *removed]
