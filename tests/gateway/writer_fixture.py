"""A writer at work on a Redis that can be away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.normalize.app_icons import Icons
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import UserCache, merge_presence
from services.gateway.sync.writer import Writer
from shared.discord.cdn import Cdn
from shared.redis.store import Save, Store, StoreUnavailable
from testing.eventually import PATIENCE, eventually
from tests.gateway.gateway_fixture import member, online


class Watched(Store):
    """A store that remembers its batches and can be away."""

    def __init__(self) -> None:
        super().__init__(FakeAsyncRedis(server=FakeServer()), timeout=5.0)
        self.batches: list[Sequence[Save]] = []
        self.orders: list[int] = []
        self.away = False
        self.asked: Callable[[], None] | None = None  # called once, while the next is under way
        self.answered: Callable[[], None] | None = None  # called once, after the next answer

    async def save(self, saves: Sequence[Save], order: int | None = None) -> list[int]:
        assert order is not None
        self.batches.append(saves)
        self.orders.append(order)
        if self.asked is not None:
            self.asked()
            self.asked = None
        if self.away:
            await asyncio.sleep(0)
            raise StoreUnavailable("away")
        results = await super().save(saves, order)
        if self.answered is not None:
            self.answered()
            self.answered = None
        return results


class Desk:
    """A writer at work, and what it works on."""

    def __init__(self) -> None:
        self.store = Watched()
        self.people = UserCache()
        self.icons = Icons(self.store, "http://127.0.0.1:9", "test")
        self.writer = Writer(self.store, self.people, self.icons, Cdn())
        self.roster = GuildCache(self.people, self.writer, lambda guild_id: None)

    def enlist(self, guild_id: int, *user_ids: int) -> None:
        self.roster.begin(guild_id)
        self.roster.list_members(guild_id, [member(user_id) for user_id in user_ids], [])
        self.roster.end(guild_id)

    def show(self, user_id: int, status: str) -> None:
        person = self.people.get(user_id)
        assert person is not None
        if merge_presence(person, online(user_id, status)):
            self.writer.changed(user_id)

    async def tries(self, more: int) -> None:
        """Wait for this many more batches, written or not."""
        wanted = len(self.store.batches) + more
        await eventually(lambda: len(self.store.batches) >= wanted)

    async def lists(self, guilds: list[int]) -> bool:
        return await self.store.guilds() == guilds

    async def shows(self, user_id: int, status: str) -> bool:
        return await self.status(user_id) == status

    async def status(self, user_id: int) -> str | None:
        async with asyncio.timeout(PATIENCE):
            await self.writer.settled()
        snapshot = await self.store.load(user_id)
        return msgspec.json.decode(snapshot.presence)["status"] if snapshot else None
