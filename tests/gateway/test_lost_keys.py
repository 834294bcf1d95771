"""Redis has evicted a key of a user, or other software has deleted it: all users are rewritten."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.state.user_cache import StoredUser
from shared.redis import keys, user_reports
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, online
from tests.gateway.test_shared_users import CUSTOM, GAME, NEW_GAME, B, Two, two
from tests.gateway.test_shared_users import USER as SHARED
from tests.gateway.writer_fixture import WriterFixture

__all__ = ["two"]
USER, ANOTHER = 1, 2


@pytest.fixture
async def saved(writing: WriterFixture) -> WriterFixture:
    """Both are saved, and in two guilds."""
    for guild_id in (GUILD, OTHER):
        writing.list_guild(guild_id, USER, ANOTHER)
    for user_id in (USER, ANOTHER):
        writing.show(user_id, "online")
        assert await writing.status(user_id) == "online"
    return writing


async def guilds_of(writing: WriterFixture, user_id: int) -> set[int]:
    return {int(one) for one in await writing.store.redis.smembers(keys.guilds(user_id))}


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_presence_that_is_gone(saved: WriterFixture, renamed: bool) -> None:
    """Also where the user's profile changes, so that all of it is written anyway."""
    for user_id in (USER, ANOTHER):
        await saved.store.redis.delete(keys.presence(user_id))
    if renamed:
        saved.guilds.list_members(GUILD, [{"user": {"id": str(USER), "username": "new"}}], [])
    saved.show(USER, "dnd")
    assert await saved.status(USER) == "dnd"
    assert await saved.status(ANOTHER) == "online"
    assert len(saved.gate.batches_before) == 1


@pytest.mark.parametrize("is_leaving", [True, False])
async def test_guilds_that_are_gone(saved: WriterFixture, is_leaving: bool) -> None:
    for user_id in (USER, ANOTHER):
        await saved.store.redis.delete(keys.guilds(user_id))
    if is_leaving:
        saved.guilds.remove_member(OTHER, USER)
    else:
        saved.list_guild(3, USER)
    assert await saved.status(USER) == "online"
    assert await guilds_of(saved, USER) == ({GUILD} if is_leaving else {GUILD, OTHER, 3})
    assert await guilds_of(saved, ANOTHER) == {GUILD, OTHER}
    assert len(saved.gate.batches_before) == 1


async def test_a_presence_that_is_gone_after_a_restart(saved: WriterFixture) -> None:
    """The process has saved none of them itself, and has their states from Redis."""
    restarted = WriterFixture()
    restarted.store.redis = restarted.store._membership._redis = saved.store.redis
    found = await user_reports.load(saved.store, [USER, ANOTHER])
    for guild_id in (GUILD, OTHER):
        users = {
            user_id: StoredUser(one.discord or b"", one.reports)
            for user_id, one in zip((USER, ANOTHER), found, strict=True)
        }
        restarted.guilds.restore(guild_id, users, complete=True)
    for user_id in (USER, ANOTHER):
        await saved.store.redis.delete(keys.presence(user_id))
    task = asyncio.create_task(restarted.writer.run())
    for guild_id in (GUILD, OTHER):
        restarted.guilds.update_presence(guild_id, USER, online(USER, "dnd"))
    assert await restarted.status(USER) == "dnd"
    assert await restarted.status(ANOTHER) == "online"
    await ended(task)


async def test_a_loss_that_is_known_begins_no_second_rewrite(saved: WriterFixture) -> None:
    """The lease has found it while a save was on its way."""
    await saved.store.redis.flushall()
    saved.store.after_next = saved.writer.mark_all_dirty
    saved.show(USER, "dnd")
    assert await saved.status(USER) == "dnd"
    assert await saved.status(ANOTHER) == "online"
    assert saved.gate.batches_before == []


async def test_a_user_who_has_left_meanwhile_is_not_rewritten(saved: WriterFixture) -> None:
    """And no loss is suspected on their account."""
    await saved.store.redis.delete(keys.presence(USER))

    def leave() -> None:
        for guild_id in (GUILD, OTHER):
            saved.guilds.remove_member(guild_id, USER)

    saved.store.after_next = leave
    saved.show(USER, "dnd")
    assert await saved.status(USER) is None
    assert await saved.store.redis.exists(keys.guilds(USER)) == 0
    assert [batch async for batch in saved.store.members(OTHER)] == [[ANOTHER]]
    assert saved.gate.batches_before == []


@pytest.mark.parametrize("key", [keys.presence, keys.guilds])
async def test_a_user_of_two_processes(two: Two, key: type) -> None:
    """What the other one reports is gone with the key, until it writes its users again."""
    two.a.list(GAME)
    two.b.list(CUSTOM)
    assert await two.shown() == ("online", [CUSTOM, GAME])
    await two.redis.delete(key(SHARED))
    two.a.show(NEW_GAME)
    await two.a.written()
    two.b.writing.writer.mark_all_dirty()
    assert await two.shown() == ("online", [CUSTOM, NEW_GAME])
    two.b.writing.guilds.remove_member(B, SHARED)
    assert await two.shown() == ("online", [NEW_GAME])
