"""Whether this process may write now, and in which generation of Redis' data."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.discord.replay_barrier import ReplayBarrier
from services.gateway.sync.lease import Lease
from shared.discord.snowflake import ShardKey, shard_of


class WriteGate:
    """Open while every held lease is valid and no shard's replay is active.

    The runner adds the leases that it holds; the writer asks before each batch.
    """

    def __init__(self) -> None:
        self._held: dict[Lease, ReplayBarrier] = {}

    def add(self, lease: Lease, replay: ReplayBarrier) -> None:
        """This process runs the lease's shard from now on."""
        self._held[lease] = replay

    def remove(self, lease: Lease) -> None:
        """This process does not run the shard any more."""
        del self._held[lease]

    @property
    def is_open(self) -> bool:
        """True without any shard: there is nothing to protect."""
        return all(lease.valid and not replay.active for lease, replay in self._held.items())

    @property
    def is_held(self) -> bool:
        """Whether every held lease is valid, replay or not: what Redis holds may be reduced."""
        return all(lease.valid for lease in self._held)

    @property
    def generations(self) -> Mapping[ShardKey, str]:
        """Lease.generation of each shard that this process runs."""
        return {lease.shard: lease.generation for lease in self._held}

    def runs(self, guild_id: int) -> bool:
        """Whether the guild belongs to a shard that this process runs."""
        return any(shard_of(guild_id, count) == shard for shard, count in self.generations)

    def runs_in_one_shard(self, first: int, second: int) -> bool:
        """Whether both guilds belong to one shard that this process runs."""
        return any(
            shard_of(first, count) == shard_of(second, count) == shard
            for shard, count in self.generations
        )

    def invalidate(self) -> None:
        """Redis has failed: close until every lease has been renewed."""
        for lease in self._held:
            lease.invalidate()

    def suspect_loss(self) -> None:
        """Redis lacks a user: close until every shard has begun a new generation, which writes all
        users again."""
        for lease in self._held:
            lease.suspect_loss()
