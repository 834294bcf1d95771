"""Takes out of Redis who left while nobody listened.

What an earlier run wrote is compared with what Discord lists now. The comparison is against the
living roster, member by member, so that somebody who joins during a sweep is not swept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from services.gateway.state.guild_cache import GuildCache, shard_of
from services.gateway.sync.writer import Writer
from shared.redis import completeness, user_scan
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

RETRY = 1.0  # seconds

ShardOf = tuple[int, int]
"""A shard's id, and how many there are."""


class Reconciler:
    """Sweeps guilds one after another; `run` works through what was asked for."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        epochs: Callable[[], Mapping[ShardOf, str]] = dict,
    ) -> None:
        """`epochs` gives the wholeness.epoch of each shard that this process runs."""
        self._store = store
        self._writer = writer
        self._asked: dict[int, None] = {}
        self._shards: dict[ShardOf, frozenset[int]] = {}
        self._named: dict[ShardOf, set[int]] = {}
        self._epochs = epochs
        self._unvouched: set[ShardOf] = set()  # shards
        self._wake = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether Redis may still hold somebody who has left meanwhile."""
        return bool(self._asked or self._shards)

    @property
    def to_announce(self) -> bool:
        """Whether readers are still to be told that everyone was written anew."""
        return bool(self._unvouched)

    def guild(self, guild_id: int) -> None:
        """Sweep the guild: its roster is complete, or the bot has left it."""
        self._asked[guild_id] = None
        self._wake.set()

    def everybody(self) -> None:
        """Everyone is being written anew: say so when that is done."""
        self._unvouched.update(self._named)
        self._wake.set()

    def shard(self, shard_id: int, shard_count: int, guild_ids: Collection[int]) -> None:
        """Sweep every guild that Redis counts to the shard and Discord did not name."""
        self._named[shard_id, shard_count] = set(guild_ids)
        self._shards[shard_id, shard_count] = frozenset(guild_ids)
        self._unvouched.add((shard_id, shard_count))
        self._wake.set()

    def names(self, shard: ShardOf) -> set[int]:
        """The guilds that the shard has now, for the intake to keep up to date."""
        return self._named.setdefault(shard, set())

    def disown(self, shard_id: int, shard_count: int) -> None:
        """Another process runs the shard: that we know none of its guilds now says nothing."""
        self._named.pop((shard_id, shard_count), None)
        self._shards.pop((shard_id, shard_count), None)
        self._unvouched.discard((shard_id, shard_count))
        for guild_id in [one for one in self._asked if shard_of(one, shard_count) == shard_id]:
            del self._asked[guild_id]

    def again(self, roster: GuildCache) -> None:
        """Redis may hold again who was swept: everything is compared anew."""
        for shard, named in self._named.items():
            self._shards[shard] = frozenset(named)
        self._asked.update(dict.fromkeys(roster.complete_guilds()))
        self.everybody()

    async def run(self, roster: GuildCache) -> None:
        """Sweep until cancelled. What could not be read is read again later."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._shards:
                    await self._left_guilds(*next(iter(self._shards.items())))
                while self._asked:
                    await self._one(next(iter(self._asked)), roster)
                await self._vouch(roster)
            except StoreUnavailable:
                await asyncio.sleep(RETRY)
                self._wake.set()

    async def _vouch(self, roster: GuildCache) -> None:
        """Say of the shards of which everybody has been listed and written that it is so.

        What Redis lost meanwhile is owed in the same breath in which its epoch changes here.
        """
        due = {shard for shard in self._unvouched if self._is_listed(shard, roster)}
        if not due:
            return
        epochs = self._epochs()
        self._unvouched -= due
        try:
            await self._strays(due, roster)
            await self._writer.caught_up()
            for shard in due & self._named.keys():
                epoch = epochs.get(shard)
                if not epoch or not await completeness.mark_complete(self._store, *shard, epoch):
                    raise StoreUnavailable("Redis has lost something meanwhile")
            await self._store.announce_resync()
        except StoreUnavailable:
            self._unvouched |= due & self._named.keys()
            raise

    async def _strays(self, shards: set[ShardOf], roster: GuildCache) -> None:
        """Take out whoever Redis counts to a guild on whose roster it does not have them.

        A Redis that is restarted between two steps of a save holds them like that: with older
        data, or with none, so that the save's last step is all that it knows of them.
        """
        strays = set()
        async for batch in user_scan.all_users(self._store):
            found = await user_scan.guilds_of(self._store, batch)
            ours = shards & self._named.keys()  # not what was disowned meanwhile
            named = [guild_id for shard in ours for guild_id in self._named[shard]]
            for user_id, guild_ids in zip(batch, found, strict=True):
                for guild_id in guild_ids or _some_guild(user_id, named, roster):
                    guild = roster.guild(guild_id)
                    is_member = guild and (not guild.complete or user_id in guild.members)
                    if not is_member and any(shard_of(guild_id, of) == one for one, of in ours):
                        self._writer.left(user_id, guild_id)
                        strays.add(user_id)
        if strays:
            log.info("took out %d users whom no guild's roster names", len(strays))

    def _is_listed(self, shard: ShardOf, roster: GuildCache) -> bool:
        guilds = (roster.guild(guild_id) for guild_id in self._named.get(shard, ()))
        return all(guild is not None and guild.complete for guild in guilds)

    async def _left_guilds(self, shard: ShardOf, named: frozenset[int]) -> None:
        shard_id, shard_count = shard
        listed = await self._store.guilds()
        if self._shards.get(shard) is not named:
            return  # disowned, or named anew, meanwhile
        for guild_id in listed:
            if shard_of(guild_id, shard_count) == shard_id and guild_id not in named:
                self._asked[guild_id] = None
        del self._shards[shard]

    async def _one(self, guild_id: int, roster: GuildCache) -> None:
        swept = 0
        async for batch in self._store.members(guild_id):
            if guild_id not in self._asked:
                return  # disowned meanwhile
            guild = roster.guild(guild_id)
            if guild is not None and not guild.complete:
                break  # it is listed afresh: its end asks for a sweep again
            for user_id in batch:
                if guild is None or user_id not in guild.members:
                    self._writer.left(user_id, guild_id)
                    swept += 1
        if swept:
            log.info("swept %d users who left guild %s meanwhile", swept, guild_id)
        if roster.guild(guild_id) is None:
            await self._writer.caught_up()
            await self._store.remove_guild(guild_id)
        self._asked.pop(guild_id, None)


def _some_guild(user_id: int, named: Sequence[int], roster: GuildCache) -> Sequence[int]:
    """Who leaves any guild, and has no other, is gone. None: a member whom Redis has yet to hear
    of."""
    for guild_id in named:
        guild = roster.guild(guild_id)
        if guild and user_id in guild.members:
            return ()
    return named[:1]
