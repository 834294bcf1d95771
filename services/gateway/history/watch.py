"""Since when this process has seen the users of each shard without a break. Nothing here does I/O.

An activity that ended during a break ended at some time in it: the last time at which it was
certainly there is what can be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.discord.observed_shard import ObservedShard
from shared.discord.snowflake import shard_of

BREAK_MS: Final = 15_000
"""A shorter time without a connection is no break: Discord ends connections every few hours."""

_NEVER: Final = 2**62


class Watched(Struct, frozen=True):
    """How long a user has been seen."""

    since: int  # ms: without a break
    before: int  # ms: the last time before that break; 0: not known

    def end(self, seen_at: int, at: int) -> int:
        """When something ended that was there at `seen_at`, and is not there at `at`."""
        if seen_at >= self.since:
            return at
        return min(at, max(seen_at, self.before))


class _ShardWatch:
    def __init__(self, shard: ObservedShard) -> None:
        self.shard = shard
        self.since = _NEVER
        self.before = 0
        self.last = 0  # when it was last connected, here or in another process


class Watch:
    """All shards that this process may run."""

    def __init__(self, shards: Sequence[ObservedShard]) -> None:
        self._shards = shards
        self._watches: dict[str, _ShardWatch] = {}

    def remember(self, noted: Mapping[str, int]) -> None:
        """What processes have noted: by `shard/shards`, when its users were last seen."""
        for name, watch in self._by_name().items():
            watch.last = max(watch.last, noted.get(name, 0))

    def tick(self, now_ms: int) -> bool:
        """To be called every few seconds. Whether a break has ended."""
        has_begun = False
        for watch in self._by_name().values():
            shard = watch.shard
            if not shard.is_connected or shard.replay.active:
                continue
            if watch.since == _NEVER or now_ms - watch.last > BREAK_MS:
                watch.since, watch.before = now_ms, watch.last
                has_begun = True
            watch.last = max(watch.last, now_ms)
        return has_begun

    def names(self) -> list[str]:
        """Of the shards whose users are seen now."""
        return [name for name, watch in self._by_name().items() if watch.shard.is_connected]

    def of(self, guild_ids: Iterable[int], now_ms: int) -> Watched:
        """For a user in these guilds."""
        watches = self._by_name()
        count = next((watch.shard.count for watch in watches.values()), 0)
        found = Watched(_NEVER, 0)
        for name in {f"{shard_of(guild_id, count)}/{count}" for guild_id in guild_ids if count}:
            watch = watches.get(name)
            if watch is None:
                continue
            is_broken = now_ms - watch.last > BREAK_MS
            one = Watched(_NEVER, watch.last) if is_broken else Watched(watch.since, watch.before)
            found = min(found, one, key=lambda either: (either.since, -either.before))
        return found

    def _by_name(self) -> Mapping[str, _ShardWatch]:
        if len(self._watches) != len(self._shards):  # they are not known at once
            self._watches = {
                f"{shard.id}/{shard.count}": _ShardWatch(shard) for shard in self._shards
            }
        return self._watches
