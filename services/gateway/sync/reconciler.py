"""Removes from Redis the users who left while this process was not listening.

Redis is compared with what Discord lists now, member by member against the live guild cache, so
that a user who joins during the comparison is not removed. When all guilds of a shard are listed
and written, the shard is marked complete in its record (shared/redis/shard_record.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence, Set
from typing import Final

from services.gateway.privacy.settings_table import SettingsTable
from services.gateway.state.guild_cache import GuildCache
from services.gateway.sync.write_gate import WriteGate
from services.gateway.sync.writer import Writer
from shared.discord.snowflake import ShardKey, shard_of
from shared.redis import shard_record, user_scan
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

RETRY_INTERVAL_S: Final = 1.0


class Reconciler:
    """Compares one guild after another; `run` works through the requested comparisons."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        guilds: GuildCache,
        gate: WriteGate,
        people: SettingsTable,
    ) -> None:
        """`people`: those who are hidden are members of no guild, as far as Redis knows."""
        self._store = store
        self._writer = writer
        self._guilds = guilds
        self._gate = gate
        self._people = people
        self._requested_guilds: dict[int, None] = {}
        self._requested_shards: dict[ShardKey, frozenset[int]] = {}  # to their expected guilds
        self._expected: dict[ShardKey, set[int]] = {}
        self._incomplete: set[ShardKey] = set()  # not marked complete yet
        self._wake = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether Redis may still hold a user who has left."""
        return bool(self._requested_guilds or self._requested_shards)

    @property
    def must_announce(self) -> bool:
        """Whether readers are still to be told that all users were rewritten."""
        return bool(self._incomplete)

    def check_guild(self, guild_id: int) -> None:
        """Compare the guild: all its members are known, or the bot has left it."""
        self._requested_guilds[guild_id] = None
        self._wake.set()

    def check_shard(self, shard: ShardKey, guild_ids: Collection[int]) -> None:
        """The shard has these guilds. Compare every other guild of it that Redis knows."""
        self._expected[shard] = set(guild_ids)
        self._requested_shards[shard] = frozenset(guild_ids)
        self._incomplete.add(shard)
        self._wake.set()

    def expected_guilds(self, shard: ShardKey) -> Set[int]:
        """The guilds that the shard has, sent by Discord or not yet."""
        return self._expected.get(shard, set())

    def expect_guilds(self, shard: ShardKey, guild_ids: Iterable[int]) -> None:
        """The shard has these guilds too."""
        self._expected.setdefault(shard, set()).update(guild_ids)

    def remove_expected(self, shard: ShardKey, guild_id: int) -> None:
        """The bot has left the guild."""
        self._expected.setdefault(shard, set()).discard(guild_id)

    def drop_shard(self, shard: ShardKey) -> None:
        """Another process runs the shard: that its guilds are unknown here means nothing."""
        shard_id, shard_count = shard
        self._expected.pop(shard, None)
        self._requested_shards.pop(shard, None)
        self._incomplete.discard(shard)
        for guild_id in list(self._requested_guilds):
            if shard_of(guild_id, shard_count) == shard_id:
                del self._requested_guilds[guild_id]

    def announce_rewrite(self) -> None:
        """All users are being rewritten: tell readers when that is done."""
        self._incomplete.update(self._expected)
        self._wake.set()

    def rewrite_all(self) -> None:
        """Redis may have lost data, or hold removed users again: write every user, compare every
        guild, and then tell readers."""
        self._writer.mark_all_dirty()
        for shard, guild_ids in self._expected.items():
            self._requested_shards[shard] = frozenset(guild_ids)
        self._requested_guilds.update(dict.fromkeys(self._guilds.complete_guilds()))
        self.announce_rewrite()

    async def run(self) -> None:
        """Compare until cancelled. A comparison that fails is repeated later."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._requested_shards:
                    await self._request_left_guilds(*next(iter(self._requested_shards.items())))
                while self._requested_guilds:
                    await self._compare_guild(next(iter(self._requested_guilds)))
                await self._mark_complete()
            except StoreUnavailable:
                await asyncio.sleep(RETRY_INTERVAL_S)
                self._wake.set()

    async def _mark_complete(self) -> None:
        """Mark the shards complete all of whose members have been listed and written.

        A loss of data marks all users dirty in the same step in which it changes the generation.
        """
        due = {shard for shard in self._incomplete if self._is_listed(shard)}
        if not due:
            return
        generations = self._gate.generations
        self._incomplete -= due
        try:
            await self._remove_orphans(due)
            await self._writer.flush_barrier()
            for shard in due & self._expected.keys():
                generation = generations.get(shard)
                if not generation or not await shard_record.mark_complete(
                    self._store, shard, generation
                ):
                    raise StoreUnavailable("Redis has lost data meanwhile")
            await self._store.announce_resync()
        except StoreUnavailable:
            self._incomplete |= due & self._expected.keys()
            raise

    async def _remove_orphans(self, shards: Set[ShardKey]) -> None:
        """Remove users whom Redis counts to a guild that does not have them as a member.

        A Redis that was restarted between two steps of a save holds such users: with older data,
        or with nothing but the traces of the last step.
        """
        orphans = set()
        async for batch in user_scan.all_users(self._store):
            found = await user_scan.guilds_of(self._store, batch)
            ours = shards & self._expected.keys()  # without shards that were dropped meanwhile
            expected = [guild_id for shard in ours for guild_id in self._expected[shard]]
            for user_id, guild_ids in zip(batch, found, strict=True):
                for guild_id in guild_ids or self._guild_to_leave(user_id, expected):
                    if not self._may_be_member(user_id, guild_id) and any(
                        shard_of(guild_id, of) == one for one, of in ours
                    ):
                        self._writer.remove(user_id, guild_id)
                        orphans.add(user_id)
        if orphans:
            log.info("removed %d users who are not a member of any guild", len(orphans))

    def _guild_to_leave(self, user_id: int, expected: Sequence[int]) -> Sequence[int]:
        """A user without guilds is removed by leaving any guild. Empty for a member whom Redis has
        yet to learn of."""
        for guild_id in expected:
            guild = self._guilds.get(guild_id)
            if guild and user_id in guild.members and not self._people.is_hidden(user_id):
                return ()
        return expected[:1]

    def _may_be_member(self, user_id: int, guild_id: int) -> bool:
        guild = self._guilds.get(guild_id)
        if guild is None or self._people.is_hidden(user_id):
            return False
        return not guild.complete or user_id in guild.members

    def _is_listed(self, shard: ShardKey) -> bool:
        guilds = (self._guilds.get(guild_id) for guild_id in self.expected_guilds(shard))
        return all(guild is not None and guild.complete for guild in guilds)

    async def _request_left_guilds(self, shard: ShardKey, expected: frozenset[int]) -> None:
        shard_id, shard_count = shard
        known = await self._store.guilds()
        if self._requested_shards.get(shard) is not expected:
            return  # dropped, or requested again, meanwhile
        for guild_id in known:
            if shard_of(guild_id, shard_count) == shard_id and guild_id not in expected:
                self._requested_guilds[guild_id] = None
        del self._requested_shards[shard]

    async def _compare_guild(self, guild_id: int) -> None:
        removed = 0
        async for batch in self._store.members(guild_id):
            if guild_id not in self._requested_guilds:
                return  # dropped meanwhile
            guild = self._guilds.get(guild_id)
            if guild is not None and not guild.complete:
                break  # it is being listed again; the end of that requests a comparison
            for user_id in batch:
                if not self._may_be_member(user_id, guild_id):
                    self._writer.remove(user_id, guild_id)
                    removed += 1
        if removed:
            if self._guilds.get(guild_id) is None:
                text = "removed %d users of guild %s, which is no longer monitored"
            else:
                text = "removed %d users who had left guild %s"
            log.info(text, removed, guild_id)
        if self._guilds.get(guild_id) is None:
            await self._writer.flush_barrier()
            await self._store.remove_guild(guild_id)
        self._requested_guilds.pop(guild_id, None)
