"""A user in guilds of two processes: both write, and readers see one state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.state.guild_cache import CachedGuild
from services.gateway.state.user_cache import StoredUser
from shared.discord.snowflake import shard_of
from shared.model.message import decode_message
from shared.redis import keys, user_reports
from shared.redis.store import Save
from testing.eventually import PATIENCE, eventually_async
from tests.ended import ended
from tests.gateway.gateway_fixture import member, online
from tests.gateway.writer_fixture import WriterFixture

USER = 5
A, B = 1 << 22, 2 << 22  # of two shards: the lower id is of shard 1
GAME = {"id": "g", "name": "Chess", "type": 0, "created_at": 10}
NEW_GAME = {"id": "g", "name": "Go", "type": 0, "created_at": 20}
CUSTOM = {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi", "created_at": 5}


class Process:
    """The gateway process of one shard and one guild."""

    def __init__(self, server: FakeServer, guild_id: int) -> None:
        self.writing = WriterFixture()
        self.writing.store.redis = FakeAsyncRedis(server=server)
        self.writing.store._membership._redis = self.writing.store.redis
        self.writing.gate.known_generations = {(shard_of(guild_id, 2), 2): "token"}
        self.guild_id = guild_id

    def show(self, *activities: Any, status: str = "online") -> None:
        presence = {**online(USER, status), "activities": list(activities)}
        self.writing.guilds.update_presence(self.guild_id, USER, presence)

    def list(self, *activities: Any) -> None:
        presence = {**online(USER), "activities": list(activities)}
        guilds = self.writing.guilds
        guilds.begin_listing(self.guild_id)
        guilds.list_members(self.guild_id, [member(USER)], [presence])
        guilds.end_listing(self.guild_id)

    async def written(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.writing.writer.drained()


class Two:
    """Two processes, what is in Redis, and what was published."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.a, self.b = Process(self.server, A), Process(self.server, B)
        self.redis = FakeAsyncRedis(server=self.server)

    async def shown(self) -> Any:
        await self.a.written()
        await self.b.written()
        found = await self.redis.hget(keys.presence(USER), "discord")
        if found is None:
            return None
        decoded = msgspec.json.decode(found)
        return decoded["status"], decoded["activities"]


@asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.writing.writer.run()) for one in processes]
    try:
        yield
    finally:
        for task in tasks:
            await ended(task)


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    both = Two()
    async with running(both.a, both.b):
        yield both


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_both_processes_show_what_either_guild_shows(
    two: Two, order: tuple[str, str]
) -> None:
    """Whoever writes first."""
    for name in order:
        if name == "a":
            two.a.list(GAME)
        else:
            two.b.list(CUSTOM)
        await two.shown()
    assert await two.shown() == ("online", [CUSTOM, GAME])


async def test_a_change_is_published_once(two: Two) -> None:
    """Though both processes write it: the second one's save shows nothing new."""
    two.a.list(GAME)
    two.b.list()
    await two.shown()
    async with two.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(USER))
        await pubsub.parse_response()
        again = {**GAME, "created_at": 30}
        for status, activity in (
            ("online", NEW_GAME),
            ("idle", NEW_GAME),
            ("idle", again),
            ("dnd", again),
        ):
            two.b.show(status=status)
            await two.shown()
            two.a.show(activity, status=status)
            assert await two.shown() == (status, [activity])
        published = []
        while (reply := await pubsub.parse_response(block=False)) is not None:
            message = decode_message(reply[2])
            assert message is not None
            presence = msgspec.json.decode(message.presence or b"{}")
            published.append((presence["status"], presence["activity"][0]["name"]))
    assert published == [("online", "Go"), ("idle", "Go"), ("idle", "Chess"), ("dnd", "Chess")]


async def test_a_process_that_is_late_shows_nothing_old(two: Two) -> None:
    """Its shard may be seconds behind."""
    two.a.list(GAME)
    two.b.list(GAME)
    await two.shown()
    two.a.show(NEW_GAME)
    two.a.show(NEW_GAME, status="dnd")
    assert await two.shown() == ("dnd", [NEW_GAME])
    two.b.show(GAME, status="idle")
    assert await two.shown() == ("dnd", [NEW_GAME])
    two.b.show(NEW_GAME, status="dnd")
    two.b.show(status="online")
    two.a.show(status="online")
    assert await two.shown() == ("online", [])


async def test_leaving_one_process_removes_what_its_guild_showed(two: Two) -> None:
    """The process knows nothing more of the user; the rest comes from Redis."""
    two.a.list(GAME)
    two.b.list(CUSTOM)
    assert await two.shown() == ("online", [CUSTOM, GAME])
    two.a.writing.guilds.remove_member(A, USER)
    assert await two.shown() == ("online", [CUSTOM])
    two.b.show(CUSTOM, status="idle")
    assert await two.shown() == ("idle", [CUSTOM])
    assert await two.redis.hget(keys.presence(USER), "reports") is None
    two.b.writing.guilds.remove_guild(B)
    assert await two.shown() is None


async def test_redis_that_lost_its_data_gets_both_parts_again(two: Two) -> None:
    two.a.list(GAME)
    two.b.list(CUSTOM)
    await two.shown()
    await two.redis.flushall()
    two.a.writing.writer.mark_all_dirty()
    assert await two.shown() == ("online", [GAME])
    two.b.writing.writer.mark_all_dirty()
    assert await two.shown() == ("online", [CUSTOM, GAME])


async def test_a_successor_knows_what_each_guild_showed(two: Two) -> None:
    """One process takes both shards over, and restores them from Redis."""
    two.a.list(GAME)
    two.b.list(CUSTOM)
    await two.shown()
    successor = Process(two.server, A)
    successor.writing.gate.known_generations = {(0, 2): "token", (1, 2): "token"}
    [stored] = await user_reports.load(successor.writing.store, [USER])
    assert stored.discord is not None
    for guild_id in (A, B):
        user = StoredUser(stored.discord, stored.reports)
        successor.writing.guilds.restore(guild_id, {USER: user}, complete=True)
    async with running(successor):
        successor.show(NEW_GAME, status="dnd")
        await successor.written()
        two.b.writing.gate.open = False
        successor.guild_id = B
        successor.show(CUSTOM, status="dnd")
        await successor.written()
        assert await two.shown() == ("dnd", [CUSTOM, NEW_GAME])
        successor.writing.guilds.remove_member(B, USER)
        await successor.written()
        assert await two.shown() == ("dnd", [NEW_GAME])


async def test_a_process_that_lost_a_shard_merges_with_its_successor(two: Two) -> None:
    """Its memory of the lost guild is outdated, and decides nothing."""
    both = Process(two.server, A)
    both.list(GAME)
    both.guild_id = B
    both.list(CUSTOM)
    async with running(both):
        await both.written()
    both.writing.guilds.drop_shard(shard_of(B, 2), 2)
    two.b.list()
    await two.b.written()
    assert await two.shown() == ("online", [GAME])
    async with running(both):
        both.guild_id = A
        both.show(NEW_GAME)
        await both.written()
        assert await two.shown() == ("online", [NEW_GAME])


async def test_a_new_session_loses_nothing_that_is_yet_to_be_listed(two: Two) -> None:
    """A process begins with the guild that hides the game; the other guild's list comes later."""
    both = Process(two.server, A)
    both.list()
    both.guild_id = B
    both.list(GAME)
    async with running(both):
        await both.written()
    successor = Process(two.server, A)
    successor.writing.gate.known_generations = {(0, 2): "token", (1, 2): "token"}
    async with running(successor):
        successor.list(CUSTOM)
        await successor.written()
        assert await two.shown() == ("online", [CUSTOM, GAME])
        successor.writing.writer.remove(USER, B)
        await successor.written()
        assert await two.shown() == ("online", [CUSTOM])


async def test_rewriting_everyone_forgets_no_report(two: Two) -> None:
    """At the end of a replay every guild counts as joined, and what the replay brought is still to
    be written. The other process is late."""
    two.a.list(GAME)
    two.b.list(GAME)
    await two.shown()
    two.a.writing.gate.open = False
    two.a.show(NEW_GAME, status="dnd")
    two.a.writing.writer.mark_all_dirty()
    two.a.writing.gate.open = True
    assert await two.shown() == ("dnd", [NEW_GAME])


async def test_a_user_who_moves_to_another_process_is_shown_in_one_piece(two: Two) -> None:
    """Its process has requested their presence, and says nothing of them before the answer."""
    two.a.list(GAME)
    await two.shown()
    guilds = two.b.writing.guilds
    guilds.restore(B, {}, complete=True)
    guilds.upsert_member(B, guilds.get(B) or CachedGuild(), member(USER)["user"])
    guilds.await_presence(B, USER)
    assert await two.shown() == ("online", [GAME])
    two.a.writing.guilds.remove_member(A, USER)
    assert await two.shown() == ("online", [GAME])
    two.b.show(CUSTOM, status="idle")
    assert await two.shown() == ("idle", [CUSTOM])


async def test_guilds_that_redis_has_and_discord_has_not_are_no_obstacle(two: Two) -> None:
    """Until reconciliation has removed them."""
    two.a.list(GAME)
    await two.shown()
    await two.redis.sadd(keys.guilds(USER), A + (2 << 22))
    two.a.show(NEW_GAME)
    assert await two.shown() == ("online", [NEW_GAME])
    two.a.writing.writer.left(USER, A + (2 << 22))
    assert await two.shown() == ("online", [NEW_GAME])
    two.a.writing.guilds.remove_member(A, USER)
    assert await two.shown() is None


async def test_unusable_reports_are_replaced(two: Two) -> None:
    two.a.list(GAME)
    two.b.list(CUSTOM)
    await two.shown()
    await two.redis.hset(keys.presence(USER), mapping={"reports": "{", "version": 1})
    two.a.show(NEW_GAME)

    async def repaired() -> bool:
        return bool(await two.shown() == ("online", [NEW_GAME]))

    await eventually_async(repaired)


async def test_a_save_that_compares_nothing_is_not_refused(two: Two) -> None:
    two.a.list(GAME)
    two.b.list(CUSTOM)
    await two.shown()
    [result] = await two.a.writing.store.save(
        [Save(USER, left=(A,))], two.a.writing.store.clock.next()
    )
    assert result == 0
