"""What can be observed of a shard, for code that does not control it."""

from __future__ import annotations

from typing import Protocol


class Replay(Protocol):
    """services.gateway.discord.replay_barrier.ReplayBarrier."""

    @property
    def active(self) -> bool: ...


class ObservedShard(Protocol):
    """services.gateway.discord.shard.Shard."""

    @property
    def id(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def is_connected(self) -> bool: ...

    @property
    def replay(self) -> Replay: ...
