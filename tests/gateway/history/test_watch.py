"""Since when the users of a shard are seen without a break."""

from __future__ import annotations

from services.gateway.history.watch import BREAK_MS, Watch, Watched
from tests.gateway.history.shown import NOW

OF_0, OF_1 = 0, 1 << 22  # guilds of two shards


class FakeReplay:
    active = False


class FakeShard:
    count = 2

    def __init__(self, shard_id: int) -> None:
        self.id = shard_id
        self.is_connected = True
        self.replay = FakeReplay()


def test_a_break_begins_with_the_last_look() -> None:
    """And it ends when the shard is connected again."""
    shards = [FakeShard(0), FakeShard(1)]
    watch = Watch(shards)
    shards[1].is_connected = False
    watch.remember({"0/2": NOW - 90_000})
    assert watch.of([OF_0], NOW).end(NOW - 200_000, NOW) == NOW - 90_000
    assert watch.tick(NOW)
    assert watch.of([OF_0], NOW) == Watched(NOW, NOW - 90_000)
    shards[0].is_connected = False
    later = NOW + BREAK_MS + 1
    assert not watch.tick(later)
    assert watch.of([OF_0], later).end(NOW + 1, later) == NOW + 1
    shards[0].is_connected = True
    assert watch.of([OF_0], later).end(NOW - 1, later) == NOW
    assert watch.tick(later)
    assert watch.of([OF_0], later) == Watched(later, NOW)


def test_a_short_loss_of_the_connection_is_no_break() -> None:
    """Discord ends connections every few hours."""
    shard = FakeShard(0)
    watch = Watch([shard, FakeShard(1)])
    watch.tick(NOW)
    shard.is_connected = False
    watch.tick(NOW + 5000)
    shard.is_connected = True
    assert not watch.tick(NOW + 10_000)
    assert watch.of([OF_0], NOW + 10_000).since == NOW


def test_the_shard_that_has_seen_longest_counts() -> None:
    """A user in servers of two shards is seen by both."""
    shards = [FakeShard(0), FakeShard(1)]
    shards[1].replay.active = True
    watch = Watch(shards)
    watch.tick(NOW)
    shards[1].replay.active = False
    watch.tick(NOW + 5)
    assert watch.of([OF_1], NOW + 5).since == NOW + 5
    assert watch.of([OF_0, OF_1], NOW + 5).since == NOW
    assert watch.of([], NOW + 5).end(NOW, NOW + 9) == NOW
    assert watch.names() == ["0/2", "1/2"]
