"""A writer at work on a Redis that can be away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.discord.replay_barrier import ReplayBarrier
from services.gateway.history.observations import Observations
from services.gateway.history.watch import Watch
from services.gateway.normalize.app_icons import AppIcons
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import UserCache, merge_presence
from services.gateway.sync.lease import Lease
from services.gateway.sync.write_gate import WriteGate
from services.gateway.sync.writer import Writer, WriterTimings
from shared.discord.cdn import Cdn
from shared.net.backoff import Backoff
from shared.redis.store import Save, Store, StoreUnavailable
from testing.eventually import PATIENCE, eventually
from tests.gateway.gateway_fixture import member, online
from tests.gateway.people_fixture import KnownPeople

QUICK: WriterTimings = WriterTimings(
    retry=Backoff(first_s=0.001, max_s=0.001), gate_interval_s=0.001
)


class RecordingStore(Store):
    """Remembers its batches, and can be away."""

    def __init__(self) -> None:
        super().__init__(FakeAsyncRedis(server=FakeServer()), timeout=5.0)
        self.batches: list[Sequence[Save]] = []
        self.fences: list[int] = []
        self.away = False
        self.during_next: Callable[[], None] | None = None  # called once, in the next save
        self.after_next: Callable[[], None] | None = None  # called once, after the next answer

    async def save(self, saves: Sequence[Save], fence: int | None = None) -> list[int]:
        assert fence is not None
        self.batches.append(saves)
        self.fences.append(fence)
        during, self.during_next = self.during_next, None
        if during is not None:
            during()
        if self.away:
            await asyncio.sleep(0)
            raise StoreUnavailable("away")
        results = await super().save(saves, fence)
        if self.after_next is not None:
            self.after_next()
            self.after_next = None
        return results


class FakeGate(WriteGate):
    """Opened and closed by the test. `batches_before` counts the batches before each
    invalidation. A suspected loss becomes a loss at once, and all users are rewritten."""

    def __init__(self, store: RecordingStore) -> None:
        super().__init__()
        self.open = True
        self.checks = 0
        self.rewrite_all: Callable[[], None] = lambda: None
        self.batches_before: list[int] = []
        self.known_generations: dict[tuple[int, int], str] = {}
        self._store = store

    def add(self, lease: Lease, replay: ReplayBarrier) -> None:
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        self.checks += 1
        return self.open

    @property
    def generations(self) -> dict[tuple[int, int], str]:
        return self.known_generations

    def suspect_loss(self) -> None:
        self.invalidate()
        self.rewrite_all()

    def invalidate(self) -> None:
        self.batches_before.append(len(self._store.batches))


class WriterFixture:
    """A writer, and what it works on."""

    def __init__(self, timings: WriterTimings = QUICK, store: RecordingStore | None = None) -> None:
        self.store = store or RecordingStore()
        self.gate = FakeGate(self.store)
        self.users = UserCache()
        self.people = KnownPeople()
        self.icons = AppIcons(self.store, "http://127.0.0.1:9", "test")
        self.history = Observations(self.people, Watch([]))
        self.writer = Writer(
            self.store,
            self.users,
            self.icons,
            Cdn(),
            self.gate,
            self.people,
            self.history,
            timings,
        )
        self.gate.rewrite_all = self.writer.mark_all_dirty
        self.guilds = GuildCache(self.users, self.writer)

    def list_guild(self, guild_id: int, *user_ids: int) -> None:
        self.guilds.begin_listing(guild_id)
        self.guilds.list_members(guild_id, [member(user_id) for user_id in user_ids], [])
        self.guilds.end_listing(guild_id)

    def show(self, user_id: int, status: str) -> None:
        cached = self.users.get(user_id)
        assert cached is not None
        if merge_presence(cached, cached.guilds[0], online(user_id, status)):
            self.writer.changed(user_id)

    async def attempts(self, more: int) -> None:
        """Wait for this many more batches, written or not."""
        wanted = len(self.store.batches) + more
        await eventually(lambda: len(self.store.batches) >= wanted)

    async def lists(self, guilds: list[int]) -> bool:
        return await self.store.guilds() == guilds

    async def status(self, user_id: int) -> str | None:
        async with asyncio.timeout(PATIENCE):
            await self.writer.drained()
        snapshot = await self.store.load(user_id)
        return msgspec.json.decode(snapshot.presence)["status"] if snapshot else None
