"""Redis is compared with what Discord lists; then the shard is marked complete."""

from __future__ import annotations

import asyncio
import logging

import pytest

from services.gateway.sync.reconciler import Reconciler
from shared.redis import completeness, keys, user_scan
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually, eventually_async
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER
from tests.gateway.writer_fixture import WriterFixture
from tests.generation import generation


async def test_users_who_are_no_members_are_removed(writing: WriterFixture) -> None:
    """The users that an earlier run wrote are compared with those that Discord lists now."""
    await Store.save(writing.store, [Save(user_id, None, (GUILD,)) for user_id in range(1, 800)])
    await Store.save(writing.store, [Save(9999, None, (OTHER,))])
    reconciler = reconciler_of(writing)
    writing.list_guild(GUILD, 1, 2, 3)
    reconciler.check_guild(GUILD)
    reconciler.check_shard((0, 1), [GUILD])
    task = asyncio.create_task(reconciler.run())
    await eventually_async(lambda: writing.lists([GUILD]))
    await writing.writer.drained()
    await ended(task)
    assert await writing.store.count_users() == 3
    assert await writing.store.load(4) is None


@pytest.mark.parametrize(
    ("is_monitored", "said"),
    [
        (True, f"removed 2 users who had left guild {GUILD}"),
        (False, f"removed 2 users of guild {GUILD}, which is no longer monitored"),
    ],
)
async def test_the_log_says_why_users_are_removed(
    writing: WriterFixture, caplog: pytest.LogCaptureFixture, is_monitored: bool, said: str
) -> None:
    """They left, or the bot was removed from the guild, or GUILD_IDS does not name it any more."""
    caplog.set_level(logging.INFO)
    await Store.save(writing.store, [Save(user_id, None, (GUILD,)) for user_id in (1, 2)])
    if is_monitored:
        writing.list_guild(GUILD, 3)
    reconciler = reconciler_of(writing)
    reconciler.check_guild(GUILD)
    task = asyncio.create_task(reconciler.run())
    await eventually(lambda: not reconciler.is_busy)
    await ended(task)
    assert [line for line in caplog.messages if line.startswith("removed")] == [said]


async def test_comparison_of_a_dropped_shard_removes_no_user(
    writing: WriterFixture,
) -> None:
    """Its guilds are unknown here, but the bot has not left them."""
    writing.list_guild(GUILD, 1, 2, 3)
    assert await writing.status(1) == "invisible"
    reconciler = reconciler_of(writing)
    reconciler.check_shard((0, 1), [GUILD])
    reconciler.check_guild(GUILD)
    reconciler.drop_shard((0, 1))
    writing.guilds.drop_shard(0, 1)
    reconciler.rewrite_all()
    task = asyncio.create_task(reconciler.run())
    await Store.save(writing.store, [Save(9, joined=(OTHER,))])
    reconciler.check_guild(OTHER)  # after this one, the others would have been compared
    await eventually_async(lambda: writing.lists([GUILD]))
    await ended(task)
    assert await writing.status(1) == "invisible"
    assert await writing.store.count_users() == 3


async def test_shard_is_complete_when_all_members_are_listed_and_written(
    writing: WriterFixture,
) -> None:
    """Not while an expected guild has not been listed."""
    epoch = await generation(writing.store)
    reconciler = reconciler_of(writing, epoch)
    task = asyncio.create_task(reconciler.run())
    writing.list_guild(GUILD, 1, 2)
    reconciler.check_shard((0, 1), [GUILD, OTHER])
    reconciler.check_guild(GUILD)
    await eventually_async(lambda: writing.lists([GUILD]))
    assert await completeness.absent(writing.store, [9]) == set()
    writing.list_guild(OTHER, 3)
    reconciler.check_guild(OTHER)
    await eventually_async(lambda: completeness.absent(writing.store, [9]))
    assert await completeness.absent(writing.store, [1, 2, 3, 9]) == {9}
    await ended(task)


async def test_orphans_are_removed_before_the_shard_is_complete(
    writing: WriterFixture,
) -> None:
    """Redis came back with older data in the middle of a save: it lists no guild's member for a
    user that was removed before, and counts another user to one guild too many."""
    await Store.save(writing.store, [Save(8, joined=(GUILD,)), Save(1, joined=(GUILD, OTHER))])
    await writing.store.redis.srem(keys.members(GUILD), 8)
    await writing.store.redis.srem(keys.members(OTHER), 1)
    await marked_complete(writing)
    assert await user_scan.guilds_of(writing.store, [1, 2, 8]) == [[GUILD], [OTHER], []]
    assert await known(writing) == {1, 2}


async def test_unlisted_user_is_removed_too(writing: WriterFixture) -> None:
    """Redis came back empty in the middle of a save: the lists were written before, and the user
    after it. Or only the list of all users is left."""
    for user_id in (1, 6, 7, 8):
        await Store.save(writing.store, [Save(user_id, Fields(b"{}", b"{}", b"{}"), (GUILD,))])
    await writing.store.redis.srem(keys.members(GUILD), 6, 7, 8)
    await writing.store.redis.srem(keys.USERS, 7)
    await writing.store.redis.delete(keys.guilds(6), keys.presence(6), keys.guilds(8))
    await marked_complete(writing)
    assert await user_scan.guilds_of(writing.store, [1, 2, 6, 7, 8]) == [
        [GUILD],
        [OTHER],
        [],
        [],
        [],
    ]
    assert await known(writing) == {1, 2}
    assert await writing.store.load(7) is None


async def test_member_whom_redis_does_not_know_is_no_orphan(
    writing: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed among all users, and in no guild yet: at a start they are still being written."""
    writing.list_guild(OTHER, 2)
    await writing.writer.drained()
    await writing.store.redis.delete(keys.guilds(2))
    removed: list[tuple[int, int]] = []
    monkeypatch.setattr(writing.writer, "remove", lambda *call: removed.append(call))
    await marked_complete(writing)
    assert removed == []


def reconciler_of(writing: WriterFixture, epoch: str = "") -> Reconciler:
    writing.gate.known_generations = {(0, 1): epoch}
    return Reconciler(writing.store, writing.writer, writing.guilds, writing.gate, writing.people)


async def marked_complete(writing: WriterFixture) -> None:
    """A shard with 1 in GUILD and 2 in OTHER is compared and marked complete."""
    epoch = await generation(writing.store)
    reconciler = reconciler_of(writing, epoch)
    writing.list_guild(GUILD, 1)
    writing.list_guild(OTHER, 2)
    reconciler.check_shard((0, 1), [GUILD, OTHER])
    task = asyncio.create_task(reconciler.run())
    await eventually_async(lambda: completeness.absent(writing.store, [99]))
    await ended(task)


async def known(writing: WriterFixture) -> set[int]:
    return {user_id async for batch in user_scan.all_users(writing.store) for user_id in batch}
