"""Histories in the durable Redis: kept only of people who want one, bounded, and gone in time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from shared.model.history import (
    HISTORY_MAX_ENTRIES,
    ActivitySession,
    History,
    Seen,
    is_shown,
)
from shared.model.snapshot import Listening, Timestamps
from shared.model.user_settings import HIDEABLE_FIELDS, HistoryLevel, UserSettings
from shared.redis import durable_backup, keys
from shared.redis.durable import DurableUnavailable
from shared.redis.history import HistoryStore, HistoryWrite, StoredHistory
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE
from testing.free_port import free_port

USER, OTHER = 1274150219482660897, 1274150219482660898
NOW, DAY = 1_796_000_000_000, 86_400_000
GAME = ActivitySession(kind="playing", name="Chess", application_id="1" * 18, started_at=NOW)
HEARD = Listening(
    app="Spotify",
    application_id=None,
    song="90mph",
    artist="JBEE",
    album=None,
    album_image=None,
    link=None,
    timestamps=Timestamps(start=NOW - 9),
    created_at=NOW - 9,
)
SONG = ActivitySession(
    kind="listening",
    name="Spotify",
    details="90mph",
    state="JBEE",
    started_at=NOW - 9,
    ended_at=NOW,
    heard=HEARD,
    is_spotify=True,
)


@pytest.fixture
async def durable(server_url: str) -> AsyncIterator[Store]:
    async with Store.connect(server_url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
def history(durable: Store) -> HistoryStore:
    return HistoryStore(durable)


async def choose(durable: Store, level: HistoryLevel, *hidden: str) -> None:
    def changed(old: UserSettings) -> UserSettings:
        return replace(old, history=level, hide=hidden)

    await UserSettingsStore(durable).change(USER, changed)


async def write(
    history: HistoryStore, *ended: ActivitySession, running: tuple[ActivitySession, ...] = ()
) -> bool:
    [stored] = await history.load_many([USER])
    seen = Seen(at=NOW, last_seen=NOW - 1)
    made = HistoryWrite(revision=stored.revision, seen=seen, running=running, ended=ended)
    return (await history.write_many({USER: made}, now_ms=NOW))[USER]


async def test_what_was_written_is_read(durable: Store, history: HistoryStore) -> None:
    """The newest first, the running ones before all others."""
    await choose(durable, "recent")
    assert await write(history, SONG, running=(GAME,))
    found = await history.of_user(USER, now_ms=NOW)
    assert found.level == "recent"
    assert found.last_seen == NOW - 1
    assert [(one.kind, one.name, one.ended_at) for one in found.recent] == [
        ("playing", "Chess", None),
        ("listening", "Spotify", NOW),
    ]
    assert found.last_played is not None
    assert (found.last_played.song, found.last_played.ended_at) == ("90mph", NOW)
    [stored, nothing] = await history.load_many([USER, OTHER])
    assert (stored.running, stored.ended) == ((GAME,), (SONG,))
    assert nothing == StoredHistory()


async def test_nothing_is_kept_of_people_who_want_none(
    durable: Store, history: HistoryStore
) -> None:
    """A write that is on its way when they switch it off is refused, and leaves nothing."""
    assert await write(history, SONG, running=(GAME,))
    assert await history.of_user(USER) == History()
    assert await durable.redis.exists(keys.history(USER), keys.history_recent(USER)) == 0


async def test_switching_down_erases_at_once(durable: Store, history: HistoryStore) -> None:
    """`last_seen` keeps no activities, `off` keeps nothing."""
    await choose(durable, "recent")
    await write(history, SONG, running=(GAME,))
    await choose(durable, "last_seen")
    assert (await history.load_all(USER)).running == ()
    assert await durable.redis.exists(keys.history_recent(USER)) == 0
    assert await history.of_user(USER) == History(level="last_seen", last_seen=NOW - 1)
    await write(history, SONG, running=(GAME,))
    stored = await history.load_all(USER)
    assert (stored.running, stored.ended) == ((), ())
    await choose(durable, "off")
    assert await durable.redis.exists(keys.history(USER)) == 0


async def test_a_write_of_an_older_reading_is_refused(
    durable: Store, history: HistoryStore
) -> None:
    """Another process has written meanwhile: nothing of its work is lost, nothing is doubled."""
    await choose(durable, "recent")
    made = HistoryWrite(revision=0, seen=Seen(at=NOW), running=(GAME,))
    assert await history.write_many({USER: made}, now_ms=NOW) == {USER: True}
    assert await history.write_many({USER: made}, now_ms=NOW) == {USER: False}
    assert await history.write_many({}) == {}


async def test_an_ended_activity_may_go_on(durable: Store, history: HistoryStore) -> None:
    """It leaves the ended ones, and is one entry."""
    await choose(durable, "recent")
    await write(history, SONG)
    [stored] = await history.load_many([USER])
    again = HistoryWrite(
        revision=stored.revision,
        seen=Seen(at=NOW),
        running=(replace(SONG, ended_at=None),),
        removed=stored.ended,
    )
    assert await history.write_many({USER: again}, now_ms=NOW) == {USER: True}
    [entry] = (await history.of_user(USER, now_ms=NOW)).recent
    assert entry.ended_at is None


async def test_entries_are_bounded_by_number_and_age(durable: Store, history: HistoryStore) -> None:
    """The oldest ones go first. Every key has a TTL."""
    await choose(durable, "recent")
    many = [replace(SONG, ended_at=NOW - one) for one in range(HISTORY_MAX_ENTRIES + 5)]
    old = replace(SONG, ended_at=NOW - 31 * DAY)
    await write(history, *many, old)
    found = await history.of_user(USER, now_ms=NOW)
    assert [one.ended_at for one in found.recent] == [one.ended_at for one in many[:-5]]
    assert len((await history.load_all(USER)).ended) == HISTORY_MAX_ENTRIES
    for name in (keys.history(USER), keys.history_recent(USER)):
        assert 0 < await durable.redis.ttl(name) <= 30 * DAY // 1000


async def test_old_entries_are_neither_shown_nor_kept(
    durable: Store, history: HistoryStore
) -> None:
    """HISTORY_DAYS counts when they are read, and when they are cleared."""
    await choose(durable, "recent")
    await write(history, SONG, replace(SONG, ended_at=NOW - 2 * DAY))
    short = HistoryStore(durable, days=1)
    assert len((await short.of_user(USER, now_ms=NOW)).recent) == 1
    assert len((await history.load_all(USER)).ended) == 2
    await short.drop_old([USER, OTHER], now_ms=NOW)
    assert (await history.load_all(USER)).ended == (SONG,)


async def test_what_was_hidden_later_is_not_shown(durable: Store, history: HistoryStore) -> None:
    """The settings of the moment count, also for what was recorded before."""
    await choose(durable, "recent", "spotify", "status")
    await write(history, SONG, running=(GAME,))
    found = await history.of_user(USER, now_ms=NOW)
    assert [one.name for one in found.recent] == ["Chess"]
    assert (found.last_seen, found.last_played) == (None, None)


SPOTIFY = replace(SONG, name='Spotify \u266b "/\\"', heard=replace(HEARD, timestamps=Timestamps()))
RADIO = replace(SONG, name="Radio", application_id="2" * 18, is_spotify=False)
SHOWN = (SPOTIFY, RADIO, replace(GAME, name="Go"), replace(GAME, application_id=None))


@pytest.mark.parametrize(
    "hiding",
    [
        *(UserSettings(history="recent", hide=(part,)) for part in HIDEABLE_FIELDS),
        UserSettings(history="recent", hide=("activities", "spotify")),
        UserSettings(history="recent", hide_applications=("1" * 18,)),
        UserSettings(history="recent", hide_applications=("1" * 18, "2" * 18), hide=("spotify",)),
    ],
)
async def test_hiding_erases_at_once(
    durable: Store, history: HistoryStore, hiding: UserSettings
) -> None:
    """What may not be shown any more, and nothing else: as `is_shown` says."""
    await choose(durable, "recent")
    ended = tuple(replace(one, ended_at=NOW - n) for n, one in enumerate(SHOWN))
    running = tuple(replace(one, ended_at=None) for one in SHOWN)
    await write(history, *ended, running=running)
    before = await history.load_all(USER)
    assert (before.ended, before.running) == (ended, running)

    await UserSettingsStore(durable).change(USER, lambda old: hiding)
    after = await history.load_all(USER)
    assert after.ended == tuple(one for one in ended if is_shown(one, hiding))
    assert after.running == tuple(one for one in running if is_shown(one, hiding))
    last_seen = None if "status" in hiding.hide else NOW - 1
    assert after.seen == Seen(at=NOW, last_seen=last_seen)
    made = HistoryWrite(revision=before.revision, seen=Seen(at=NOW), running=running)
    assert await history.write_many({USER: made}, now_ms=NOW) == {USER: False}
    assert await durable.redis.ttl(keys.history(USER)) > 0


async def test_numbers_that_lua_would_spoil_do_no_harm(
    durable: Store, history: HistoryStore
) -> None:
    """An application may report any start. What is not over is then recorded anew."""
    await choose(durable, "recent")
    odd = replace(GAME, application_id=None, start=2**53 - 1)
    await write(history, odd, running=(odd, GAME))
    await choose(durable, "recent", "spotify")
    assert (await history.load_all(USER)).running == (odd, GAME)
    settings = UserSettings(history="recent", hide_applications=("1" * 18,))
    await UserSettingsStore(durable).change(USER, lambda old: settings)
    stored = await history.load_all(USER)
    assert (stored.running, stored.ended) == ((), (odd,))
    assert stored.seen is not None


async def test_hiding_forgets_what_other_software_has_written(
    durable: Store, history: HistoryStore
) -> None:
    """The change is stored, whatever is in the place of the history."""
    await choose(durable, "recent")
    for name in (keys.history(USER), keys.history_recent(USER)):
        await write(history, SONG, running=(GAME,))
        await durable.redis.set(name, b"x")
        await choose(durable, "recent", "spotify")
        assert await history.load_all(USER) == StoredHistory()
        await choose(durable, "recent")


async def test_a_backup_brings_it_back(durable: Store, history: HistoryStore) -> None:
    """With its TTL."""
    await choose(durable, "recent")
    await write(history, SONG, running=(GAME,))
    before = await history.export(USER)
    kept = [entry async for entry in durable_backup.entries(durable)]
    await history.erase(USER)
    assert await history.export(USER) is None
    await durable_backup.replace_all(durable, kept)
    assert await history.export(USER) == before
    assert await durable.redis.ttl(keys.history_recent(USER)) > 0


async def test_what_other_software_has_written_counts_as_missing(
    durable: Store, history: HistoryStore
) -> None:
    """And the next write replaces it."""
    await choose(durable, "recent")
    await durable.redis.set(keys.history(USER), b"x")
    await durable.redis.set(keys.history_recent(USER), b"x")
    assert await history.load_all(USER) == StoredHistory()
    await history.drop_old([USER], now_ms=NOW)
    assert await write(history, SONG)
    await durable.redis.zadd(keys.history_recent(USER), {b"{": NOW, b"\xff": NOW})
    assert (await history.load_all(USER)).ended == (SONG,)


async def test_shards_are_noted(history: HistoryStore) -> None:
    """When a gateway last saw their users."""
    assert await history.watched() == {}
    await history.note_watched(["0/2", "1/2"], NOW)
    await history.note_watched(["1/2"], NOW + 5)
    assert await history.watched() == {"0/2": NOW, "1/2": NOW + 5}


async def test_a_redis_that_is_away_is_named() -> None:
    """The API answers 503 then."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}/0") as away:
        with pytest.raises(DurableUnavailable):
            await HistoryStore(away).of_user(USER)
