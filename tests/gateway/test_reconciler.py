"""What Redis still holds is compared with what Discord lists; then the shard is vouched for."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.sync.reconciler import Reconciler
from shared.redis import completeness, keys, user_scan
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually_async
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER
from tests.gateway.writer_fixture import Desk


async def test_sweep_takes_out_who_is_not_on_the_roster(desk: Desk) -> None:
    """What an earlier run wrote is compared with what Discord lists now."""
    await Store.save(desk.store, [Save(user_id, None, (GUILD,)) for user_id in range(1, 800)])
    await Store.save(desk.store, [Save(9999, None, (OTHER,))])
    sweep = Reconciler(desk.store, desk.writer)
    desk.enlist(GUILD, 1, 2, 3)
    sweep.guild(GUILD)
    sweep.shard(0, 1, [GUILD])
    task = asyncio.create_task(sweep.run(desk.roster))
    await eventually_async(lambda: desk.lists([GUILD]))
    await desk.writer.settled()
    await ended(task)
    assert await desk.store.count_users() == 3
    assert await desk.store.load(4) is None


async def test_sweep_of_a_shard_that_another_process_took_over_takes_nobody_out(
    desk: Desk,
) -> None:
    """Its guilds are not known here any more: that does not mean that the bot has left them."""
    desk.enlist(GUILD, 1, 2, 3)
    assert await desk.status(1) == "invisible"
    sweep = Reconciler(desk.store, desk.writer)
    sweep.shard(0, 1, [GUILD])
    sweep.guild(GUILD)
    sweep.disown(0, 1)
    desk.roster.disown(0, 1)
    sweep.again(desk.roster)
    task = asyncio.create_task(sweep.run(desk.roster))
    await Store.save(desk.store, [Save(9, joined=(OTHER,))])
    sweep.guild(OTHER)  # when this one is swept, so would the others be
    await eventually_async(lambda: desk.lists([GUILD]))
    await ended(task)
    assert await desk.status(1) == "invisible"
    assert await desk.store.count_users() == 3


async def test_shard_is_vouched_for_when_everybody_is_listed_and_written(desk: Desk) -> None:
    """Not while a guild that Discord named has not been listed."""
    epoch, _ = await completeness.generation(desk.store, 0, 1)
    sweep = Reconciler(desk.store, desk.writer, lambda: {(0, 1): epoch})
    task = asyncio.create_task(sweep.run(desk.roster))
    desk.enlist(GUILD, 1, 2)
    sweep.shard(0, 1, [GUILD, OTHER])
    sweep.guild(GUILD)
    await eventually_async(lambda: desk.lists([GUILD]))
    assert await completeness.absent(desk.store, [9]) == set()
    desk.enlist(OTHER, 3)
    sweep.guild(OTHER)
    await eventually_async(lambda: completeness.absent(desk.store, [9]))
    assert await completeness.absent(desk.store, [1, 2, 3, 9]) == {9}
    await ended(task)


async def test_whom_no_roster_names_is_taken_out_before_the_shard_is_vouched_for(
    desk: Desk,
) -> None:
    """Redis came back with older data in the middle of a save: the roster was narrowed, and the
    user, who was removed before that, is there again; another is counted to a guild too many."""
    await Store.save(desk.store, [Save(8, joined=(GUILD,)), Save(1, joined=(GUILD, OTHER))])
    await desk.store.redis.srem(keys.members(GUILD), 8)
    await desk.store.redis.srem(keys.members(OTHER), 1)
    await vouched(desk)
    assert await user_scan.guilds_of(desk.store, [1, 2, 8]) == [[GUILD], [OTHER], []]
    assert await known(desk) == {1, 2}


async def test_who_is_on_no_list_at_all_is_taken_out_too(desk: Desk) -> None:
    """Redis came back empty in the middle of a save: the lists were widened before that, and the
    user was written after it, and left unheard. Or the list of all users is all that is left."""
    for user_id in (1, 6, 7, 8):
        await Store.save(desk.store, [Save(user_id, Fields(b"{}", b"{}", b"{}"), (GUILD,))])
    await desk.store.redis.srem(keys.members(GUILD), 6, 7, 8)
    await desk.store.redis.srem(keys.USERS, 7)
    await desk.store.redis.delete(keys.guilds(6), keys.presence(6), keys.guilds(8))
    await vouched(desk)
    assert await user_scan.guilds_of(desk.store, [1, 2, 6, 7, 8]) == [[GUILD], [OTHER], [], [], []]
    assert await known(desk) == {1, 2}
    assert await desk.store.load(7) is None


async def test_a_member_whom_redis_does_not_know_is_no_stray(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the list of all users, and in no guild yet: at a start they are still being written."""
    desk.enlist(OTHER, 2)
    await desk.writer.settled()
    await desk.store.redis.delete(keys.guilds(2))
    taken_out: list[tuple[int, int]] = []
    monkeypatch.setattr(desk.writer, "left", lambda *who: taken_out.append(who))
    await vouched(desk)
    assert taken_out == []


async def vouched(desk: Desk) -> None:
    """A shard with 1 in GUILD and 2 in OTHER is swept and vouched for."""
    epoch, _ = await completeness.generation(desk.store, 0, 1)
    sweep = Reconciler(desk.store, desk.writer, lambda: {(0, 1): epoch})
    desk.enlist(GUILD, 1)
    desk.enlist(OTHER, 2)
    sweep.shard(0, 1, [GUILD, OTHER])
    task = asyncio.create_task(sweep.run(desk.roster))
    await eventually_async(lambda: completeness.absent(desk.store, [99]))
    await ended(task)


async def known(desk: Desk) -> set[int]:
    return {user_id async for batch in user_scan.all_users(desk.store) for user_id in batch}
