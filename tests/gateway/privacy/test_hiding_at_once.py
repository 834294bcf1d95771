"""Hiding waits for nothing: not for a replay, not for a long queue, not for a listing.

Long because each case is a process in another state.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial

import msgspec
import pytest

from services.gateway.discord.shard import Shard
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import GatewayState, SessionResume
from services.gateway.sync.writer import BATCH_USERS
from shared.model.snapshot import Snapshot
from shared.model.user_settings import Consent, HistoryLevel, UserSettings
from shared.redis import keys
from shared.redis.profile_entries import UserRow, load_users
from testing.eventually import eventually, eventually_async
from tests.contract.test_history import SONG
from tests.ended import ended
from tests.gateway.gateway_fixture import (
    GUILD,
    OTHER,
    RecordingRequests,
)
from tests.gateway.privacy.hidden_fixture import ANNA, BOB, HIDDEN, choose, loaded, names
from tests.gateway.writer_fixture import WriterFixture

OF_SHARD_1 = 1 << 22 | GUILD  # of two


async def gated(writing: WriterFixture) -> Snapshot:
    """Anna is shown; then a replay begins."""
    writing.list_guild(GUILD, ANNA, BOB)
    writing.show(ANNA, "dnd")
    before = await loaded(writing)
    writing.gate.open = False
    return before


async def test_hiding_does_not_wait_for_a_replay(writing: WriterFixture) -> None:
    """Everything else does: what is in memory may be older than what Redis holds."""
    await gated(writing)
    writing.show(BOB, "idle")
    choose(writing, ANNA, HIDDEN)

    async def is_gone() -> bool:
        return await writing.store.load(ANNA) is None

    await eventually_async(is_gone)
    bob = await writing.store.load(BOB)
    assert bob is not None
    assert msgspec.json.decode(bob.presence)["status"] == "invisible"
    writing.gate.open = True
    assert await writing.status(BOB) == "idle"
    assert await names(writing.store) == set()


async def test_during_a_replay_nothing_but_what_is_hidden_changes(writing: WriterFixture) -> None:
    """It is taken out of what Redis holds, and not rendered from memory."""
    before = await gated(writing)
    writing.show(ANNA, "idle")  # an event of the replay: older than what Redis has
    choose(writing, ANNA, UserSettings(hide=("device",)))

    async def found() -> Snapshot | None:
        now = await writing.store.load(ANNA)
        assert isinstance(now, Snapshot)
        return now if now.hidden else None

    after = await eventually_async(found)
    assert after is not None
    assert after.presence == before.presence
    assert msgspec.json.decode(after.profile)["devices"] == {}
    writing.gate.open = True
    assert await writing.status(ANNA) == "idle"


async def test_hiding_does_not_wait_for_a_long_queue(writing: WriterFixture) -> None:
    """All users are rewritten; the one who hides is at its end."""
    many = [ANNA + 10 + number for number in range(BATCH_USERS * 2)]
    writing.list_guild(GUILD, *many, ANNA)
    await loaded(writing)
    writing.store.batches.clear()
    writing.writer.mark_all_dirty()
    choose(writing, ANNA, HIDDEN)
    await writing.writer.drained()
    assert [save.user_id for save in writing.store.batches[0]] == [ANNA]
    assert await names(writing.store) == set()


async def test_the_queue_is_written_while_more_and_more_users_hide(writing: WriterFixture) -> None:
    """As during a long listing: each of its parts may have some."""
    many = [ANNA + 10 + number for number in range(BATCH_USERS * 2)]
    writing.list_guild(GUILD, *many, ANNA)
    await loaded(writing)
    numbers = itertools.count()

    def hide_more() -> None:
        choose(writing, ANNA, UserSettings(hide=("status",), bio=str(next(numbers))))
        writing.store.during_next = hide_more

    writing.writer.mark_all_dirty()
    hide_more()

    async def is_written() -> bool:
        return writing.writer.pending <= 1

    await eventually_async(is_written)
    writing.store.during_next = None


async def test_hiding_is_repeated_when_redis_was_away(writing: WriterFixture) -> None:
    """During a replay too."""
    await gated(writing)
    writing.store.away = True
    choose(writing, ANNA, HIDDEN)
    await writing.attempts(2)
    writing.store.away = False

    async def is_gone() -> bool:
        return await writing.store.load(ANNA) is None

    await eventually_async(is_gone)


@pytest.mark.parametrize("is_hidden", [True, False])
async def test_a_replay_that_begins_while_redis_is_away_delays_nothing(
    writing: WriterFixture, is_hidden: bool
) -> None:
    """The save that hides fails, and by then nothing else may be written."""
    writing.list_guild(GUILD, ANNA, BOB)
    writing.show(ANNA, "dnd")
    await loaded(writing)

    def fail_from_now_on() -> None:
        writing.gate.open = False
        writing.store.away = True

    writing.store.during_next = fail_from_now_on
    choose(writing, ANNA, HIDDEN if is_hidden else UserSettings(hide=("status",)))
    await writing.attempts(1)
    writing.store.away = False

    async def is_reduced() -> bool:
        now = await writing.store.load(ANNA)
        return now is None if is_hidden else now is not None and b"dnd" not in now.presence

    await eventually_async(is_reduced)
    assert not writing.gate.open


@pytest.mark.parametrize("is_hidden", [True, False])
async def test_restored_users_are_reduced_before_the_replay_ends(
    writing: WriterFixture, is_hidden: bool
) -> None:
    """They hid something while no gateway ran."""
    await gated(writing)
    settings = HIDDEN if is_hidden else UserSettings(hide=("status",))
    writing.people.choose(ANNA, settings)
    resume = SessionResume(Shard("", 0, 1), state_of(writing), "us")
    await resume._restore_members(GUILD, is_complete=True)

    async def is_reduced() -> bool:
        now = await writing.store.load(ANNA)
        return (
            now is None if is_hidden else isinstance(now, Snapshot) and b"dnd" not in now.presence
        )

    await eventually_async(is_reduced)
    assert not writing.gate.open


@pytest.mark.parametrize("is_hidden", [True, False])
async def test_listed_users_are_reduced_before_the_replay_of_another_shard_ends(
    writing: WriterFixture, is_hidden: bool
) -> None:
    """Their own shard has begun a new session, so nothing of them is restored."""
    await gated(writing)
    writing.guilds.drop_shard(0, 1)
    writing.people.choose(ANNA, HIDDEN if is_hidden else UserSettings(hide=("status",)))
    state = state_of(writing)
    comparing = asyncio.create_task(state.reconciler.run())
    writing.list_guild(GUILD, ANNA, BOB)
    state.reconciler.check_guild(GUILD)

    async def is_reduced() -> bool:
        now = await writing.store.load(ANNA)
        return now is None if is_hidden else now is not None and b"dnd" not in now.presence

    await eventually_async(is_reduced)
    assert not writing.gate.open
    await ended(comparing)


EACH_WAY = pytest.mark.parametrize("settings", [HIDDEN, UserSettings(hide=("status",))])
EITHER_GATE = pytest.mark.parametrize("is_open", [True, False])


async def taken_over(writing: WriterFixture, *, is_open: bool, guilds: Sequence[int]) -> None:
    """Anna is in Redis as a member of these, and the process that now has their shard has listed
    none of them."""
    for guild_id in guilds:
        writing.list_guild(guild_id, ANNA, BOB)
    writing.show(ANNA, "dnd")
    await loaded(writing)
    writing.guilds.drop_shard(0, 1)
    writing.gate.open = is_open
    writing.gate.known_generations = {(0, 1): "a"}
    writing.writer.shard_restored((0, 1))


@EACH_WAY
@EITHER_GATE
async def test_hiding_does_not_wait_until_discord_lists_the_user(
    writing: WriterFixture, is_open: bool, settings: UserSettings
) -> None:
    """A process that cannot resume knows nobody until then. A large server takes its time."""
    await taken_over(writing, is_open=is_open, guilds=[GUILD])
    choose(writing, ANNA, settings)
    await eventually_async(partial(shows_no_status, writing))
    assert await writing.store.load(BOB) is not None


@EACH_WAY
@EITHER_GATE
async def test_nor_where_one_of_their_servers_is_listed(
    writing: WriterFixture, is_open: bool, settings: UserSettings
) -> None:
    """Redis counts Anna to both."""
    await taken_over(writing, is_open=is_open, guilds=[GUILD, OTHER])
    writing.guilds.begin_listing(OTHER)
    writing.list_guild(GUILD, ANNA)
    if is_open:
        await writing.writer.drained()
    choose(writing, ANNA, settings)
    await eventually_async(partial(shows_no_status, writing))


@EACH_WAY
@EITHER_GATE
@pytest.mark.parametrize("consent", ["joining", "asking"])
@pytest.mark.parametrize("is_listed", [False, True])
async def test_what_was_hidden_while_no_gateway_ran_does_not_wait_either(
    writing: WriterFixture,
    settings: UserSettings,
    is_open: bool,
    consent: Consent,
    is_listed: bool,
) -> None:
    """Also where the process has run a shard of another of their servers all the time."""
    writing.people._consent = consent
    for user_id in (ANNA, BOB):
        writing.people.choose(user_id, UserSettings(opted_in=True))
    await taken_over(writing, is_open=is_open, guilds=[GUILD])
    more = {"opted_in": consent == "joining" or settings.visible}
    writing.people.choose(ANNA, msgspec.structs.replace(settings, **more))
    writing.gate.known_generations = {(0, 2): "a", (1, 2): "b"}
    writing.writer.shard_restored((1, 2))
    if is_listed:
        writing.list_guild(OF_SHARD_1, ANNA)
    assert await SessionResume(Shard("", 0, 2), state_of(writing), "us").restore() is None
    await eventually_async(partial(shows_no_status, writing))
    assert await writing.store.load(BOB) is not None


async def test_a_user_of_another_process_is_left_to_it(writing: WriterFixture) -> None:
    await taken_over(writing, is_open=True, guilds=[GUILD])
    writing.gate.known_generations = {(1, 2): "a"}  # GUILD is in shard 0
    writing.writer.shard_restored((1, 2))
    choose(writing, ANNA, HIDDEN)
    writing.list_guild(OF_SHARD_1, BOB)
    await writing.writer.drained()
    assert await writing.store.load(ANNA) is not None


@pytest.mark.parametrize("key", [keys.presence(BOB), keys.guilds(BOB)])
async def test_what_other_software_has_written_keeps_nobody_shown(
    writing: WriterFixture, key: str
) -> None:
    """Bob hides something as well, and nothing can be read of him."""
    await taken_over(writing, is_open=True, guilds=[GUILD])
    await writing.store.redis.delete(key)
    await writing.store.redis.set(key, "x")
    for user_id in (ANNA, BOB):
        choose(writing, user_id, UserSettings(hide=("status",), history="recent"))
    await eventually_async(partial(shows_no_status, writing))
    await writing.writer.drained()
    assert not writing.gate.batches_before, "Redis was taken for away"


@pytest.mark.parametrize(
    "reports", [b"\xff", b"[" * 5000, b'{"reports":{"x":{}}}', b'{"as_of":{"x":1}}', b'{"ended":1}']
)
async def test_damaged_reports_end_nothing(writing: WriterFixture, reports: bytes) -> None:
    await taken_over(writing, is_open=True, guilds=[GUILD])
    await writing.store.redis.hset(keys.presence(BOB), "reports", reports)
    for user_id in (BOB, ANNA):
        choose(writing, user_id, UserSettings(hide=("status",)))
    await eventually_async(partial(shows_no_status, writing))


async def test_nothing_is_reduced_while_another_shard_is_restored(writing: WriterFixture) -> None:
    """It reads what Redis holds, and would know no more of the user."""
    await taken_over(writing, is_open=True, guilds=[GUILD])
    writing.gate.known_generations = {(0, 2): "a", (1, 2): "b"}
    writing.writer.shard_restored((1, 2))
    checks = writing.gate.checks
    choose(writing, ANNA, UserSettings(hide=("status",)))
    await eventually(lambda: writing.gate.checks > checks)
    resume = SessionResume(Shard("", 0, 2), state_of(writing), "us")
    await resume._restore_members(GUILD, is_complete=True)
    writing.writer.shard_restored((0, 2))
    await eventually_async(partial(shows_no_status, writing))
    choose(writing, ANNA, UserSettings())
    await writing.writer.drained()
    assert not await shows_no_status(writing)


async def test_last_seen_stays_what_it_was(writing: WriterFixture) -> None:
    """A user in Redis need not be online now."""
    choose(writing, ANNA, UserSettings(history="recent"))
    await taken_over(writing, is_open=True, guilds=[GUILD])
    del writing.history._known[ANNA]
    choose(writing, ANNA, UserSettings(history="recent", hide=("device",)))
    await writing.writer.drained()
    now = await writing.store.load(ANNA)
    assert now is not None
    assert now.hidden
    assert msgspec.json.decode(now.presence)["last_seen"] is None
    assert writing.history.last_seen(ANNA, "invisible", [GUILD]) is None


async def shows_no_status(writing: WriterFixture) -> bool:
    now = await writing.store.load(ANNA)
    return now is None or b"dnd" not in now.presence


@pytest.mark.parametrize("level", ["last_seen", "off"])
async def test_a_history_that_ended_while_no_gateway_ran(
    writing: WriterFixture, level: HistoryLevel
) -> None:
    """What Redis holds of it is gone before the replay ends, too."""
    choose(writing, ANNA, UserSettings(history="recent"))
    writing.history.recorded_song(ANNA, SONG)
    await gated(writing)
    assert b"90mph" in await history_of(writing)
    writing.people.choose(ANNA, UserSettings(history=level))
    resume = SessionResume(Shard("", 0, 1), state_of(writing), "us")
    await resume._restore_members(GUILD, is_complete=True)

    async def is_gone() -> bool:
        return await history_of(writing) == (b"{}" if level == "last_seen" else b"")

    await eventually_async(is_gone)
    now = await loaded_now(writing)
    assert b'"last_seen":null' in now.presence
    assert not writing.gate.open


async def history_of(writing: WriterFixture) -> bytes:
    [row] = await load_users(writing.store, [ANNA], with_entries=False, with_history=True)
    assert isinstance(row, UserRow)
    return row.history


async def loaded_now(writing: WriterFixture) -> Snapshot:
    found = await writing.store.load(ANNA)
    assert found is not None
    return found


def state_of(writing: WriterFixture) -> GatewayState:
    reconciler = Reconciler(
        writing.store, writing.writer, writing.guilds, writing.gate, writing.people
    )
    return GatewayState(
        writing.store,
        writing.guilds,
        reconciler,
        writing.writer,
        writing.users,
        writing.people,
        RecordingRequests(),
    )
