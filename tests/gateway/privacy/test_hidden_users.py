"""What the writer, the reconciler and a checkpoint make of users who hide."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from services.gateway.discord.shard import Shard
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import SessionResume
from shared.model.user_settings import DEFAULTS, UserSettings
from shared.redis import keys
from shared.redis.store import Save, Store
from testing.eventually import PATIENCE
from tests.gateway.gateway_fixture import (
    GUILD,
    OTHER,
    GatewayFixture,
    guild,
    online,
)
from tests.gateway.privacy.hidden_fixture import ANNA, BOB, HIDDEN, choose, loaded, names
from tests.gateway.writer_fixture import WriterFixture


async def test_a_hidden_user_is_never_written(writing: WriterFixture) -> None:
    """Nothing of them is in Redis, not even a fence; the others are written."""
    choose(writing, ANNA, HIDDEN)
    writing.list_guild(GUILD, ANNA, BOB)
    writing.show(ANNA, "dnd")
    writing.guilds.remove_member(GUILD, ANNA)
    assert await writing.status(BOB) == "invisible"
    assert await writing.store.redis.keys(f"*{ANNA}*") == []
    assert await names(writing.store) == set()


async def test_a_user_who_hides_is_removed(writing: WriterFixture) -> None:
    """As one who leaves all servers; watchers are told the same."""
    writing.list_guild(GUILD, ANNA)
    writing.list_guild(OTHER, ANNA)
    assert await writing.status(ANNA) == "invisible"
    async with writing.store.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(ANNA))
        await pubsub.get_message(timeout=PATIENCE)
        choose(writing, ANNA, HIDDEN)
        said = await pubsub.get_message(timeout=PATIENCE)
        assert msgspec.json.decode(said["data"])["removed"] is True
    await writing.writer.drained()
    assert await names(writing.store) == set()


async def test_a_user_who_shows_themselves_is_written(writing: WriterFixture) -> None:
    """With what has changed meanwhile, from memory."""
    choose(writing, ANNA, HIDDEN)
    writing.list_guild(GUILD, ANNA)
    writing.show(ANNA, "dnd")
    choose(writing, ANNA, DEFAULTS)
    assert await writing.status(ANNA) == "dnd"
    assert await writing.store.count_users() == 1


async def test_hiding_survives_a_redis_that_is_away(writing: WriterFixture) -> None:
    """The removal waits, like any other save."""
    writing.list_guild(GUILD, ANNA)
    assert await writing.status(ANNA) == "invisible"
    writing.store.away = True
    choose(writing, ANNA, HIDDEN)
    await writing.attempts(2)
    writing.store.away = False
    assert await writing.status(ANNA) is None
    assert await names(writing.store) == set()


async def test_hiding_during_a_save_comes_after_it(writing: WriterFixture) -> None:
    """The save that is on its way shows the user; the next one removes them."""
    writing.store.during_next = lambda: choose(writing, ANNA, HIDDEN)
    writing.list_guild(GUILD, ANNA)
    await writing.attempts(2)
    await writing.writer.drained()
    assert await names(writing.store) == set()


async def test_a_rewrite_of_all_does_not_show_hidden_users(writing: WriterFixture) -> None:
    """After Redis has lost its data."""
    choose(writing, ANNA, HIDDEN)
    writing.list_guild(GUILD, ANNA, BOB)
    assert await writing.status(BOB) == "invisible"
    await writing.store.redis.flushall()
    writing.writer.mark_all_dirty()
    assert await writing.status(BOB) == "invisible"
    assert await names(writing.store) == set()


async def test_a_rewrite_of_all_does_not_undo_a_removal(writing: WriterFixture) -> None:
    """At the end of a replay, of a user who hid while no gateway ran."""
    writing.list_guild(GUILD, ANNA)
    assert await writing.status(ANNA) == "invisible"
    writing.people.choose(ANNA, HIDDEN)
    writing.writer.remove(ANNA, GUILD)
    writing.writer.mark_all_dirty()
    assert await writing.status(ANNA) is None
    assert await names(writing.store) == set()


async def test_what_is_hidden_leaves_redis(writing: WriterFixture) -> None:
    """The profile and both forms of the presence change with one message."""
    writing.list_guild(GUILD, ANNA)
    writing.show(ANNA, "dnd")
    before = await loaded(writing)
    assert msgspec.json.decode(before.profile)["device"] == "web"
    choose(writing, ANNA, UserSettings(hide=("status",)))
    after = await loaded(writing)
    assert msgspec.json.decode(after.presence)["status"] == "invisible"
    assert msgspec.json.decode(after.profile)["device"] is None
    assert after.hidden == {"status"}
    stored: Any = await writing.store.redis.hgetall(keys.presence(ANNA))
    assert b"dnd" not in b"".join(stored.values())
    choose(writing, ANNA, DEFAULTS)
    assert (await loaded(writing)).presence == before.presence
    assert (await loaded(writing)).hidden == frozenset()


async def test_settings_that_render_the_same_profile_are_written(writing: WriterFixture) -> None:
    """The profile is rendered anew for each change, though user and devices are the same."""
    writing.list_guild(GUILD, ANNA)
    await loaded(writing)
    saves: list[Save] = []
    choose(writing, ANNA, UserSettings(bio="Hi"))
    await loaded(writing)
    saves += [save for batch in writing.store.batches for save in batch]
    assert saves[-1].fields is not None
    assert saves[-1].fields.profile


async def test_readers_of_the_channel_are_told_what_is_hidden(writing: WriterFixture) -> None:
    """Also when nothing else changes: they may show more of the profile than the gateway knows."""
    writing.list_guild(GUILD, ANNA)
    assert await writing.status(ANNA) == "invisible"
    async with writing.store.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(ANNA))
        await pubsub.get_message(timeout=PATIENCE)
        choose(writing, ANNA, UserSettings(hide=("connected_accounts",)))
        said = await pubsub.get_message(timeout=PATIENCE)
        assert msgspec.json.decode(said["data"])["hidden"] == ["connected_accounts"]
        choose(writing, ANNA, DEFAULTS)
        said = await pubsub.get_message(timeout=PATIENCE)
        assert msgspec.json.decode(said["data"])["hidden"] == []


@pytest.mark.parametrize("listed", [True, False])
async def test_traces_of_a_hidden_user_are_removed(writing: WriterFixture, listed: bool) -> None:
    """They hid while no gateway ran, or Redis came back with older data."""
    await writing.store.save([Save(ANNA, None, joined=(GUILD,))], 1)
    await writing.store.redis.hset(keys.presence(ANNA), "version", 1)
    if not listed:
        await writing.store.redis.delete(keys.members(GUILD), keys.USERS)
    choose(writing, ANNA, HIDDEN)
    writing.list_guild(GUILD, ANNA, BOB)
    reconciler = Reconciler(
        writing.store, writing.writer, writing.guilds, writing.gate, writing.people
    )
    reconciler.expect_guilds((0, 1), [GUILD])
    if listed:
        reconciler.check_guild(GUILD)
        await reconciler._compare_guild(GUILD)
    else:
        await reconciler._remove_orphans({(0, 1)})
    await writing.writer.drained()
    assert await names(writing.store) == set()


def test_a_checkpoint_names_no_hidden_user() -> None:
    """Members of whom Redis does not hold everything are listed again by the next process."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [ANNA, BOB], [online(ANNA)]))
    gateway.handle("GUILD_CREATE", guild(OTHER, [BOB]))
    gateway.people.choose(ANNA, HIDDEN)
    resume = SessionResume(Shard("", 0, 1), gateway.state(cast("Store", None)), "us")
    assert resume._private_guilds([GUILD, OTHER]) == {GUILD}
    gateway.requests.unanswered = {GUILD: [ANNA, BOB], OTHER: [ANNA]}
    assert resume._requested_users() == {GUILD: [BOB]}
