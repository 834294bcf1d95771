"""deploy/redis/*.acl: gateway writes histories, api shows and erases them, cards has no access."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.exceptions import NoPermissionError

from shared.model.history import ActivitySession, Seen
from shared.redis import keys
from shared.redis.history import HistoryStore, HistoryWrite
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from tests.contract.test_user_data import USER
from tests.deploy.test_rights_to_erase import FILES, guarded, stores

NOW_MS, DAY_MS = 1_796_000_000_000, 86_400_000
SONG = ActivitySession(
    kind="listening", name="Spotify", started_at=NOW_MS - 9, ended_at=NOW_MS, details="90mph"
)
GAME = ActivitySession(
    kind="playing", name="Chess", application_id="1" * 18, started_at=NOW_MS - 9, ended_at=NOW_MS
)
OLDER = replace(SONG, started_at=NOW_MS - 2 * DAY_MS, ended_at=NOW_MS - 2 * DAY_MS + 9)


@pytest.mark.parametrize("file", FILES)
async def test_who_may_keep_and_show_a_history(tmp_path: Path, file: str) -> None:
    """Everything that the two services do with one, once, with the service's own user."""
    async with (
        guarded(tmp_path, file) as server,
        stores(server, "gateway") as (_, gateway),
        stores(server, "api") as (_, api),
    ):
        await UserSettingsStore(api).change(USER, lambda old: replace(old, history="recent"))

        recorder = HistoryStore(gateway, days=1)
        await recorder.note_watched(["0/1"], NOW_MS)
        assert await recorder.watched() == {"0/1": NOW_MS}
        seen = Seen(at=NOW_MS, last_seen=NOW_MS)
        first = HistoryWrite(revision=0, seen=seen, running=(SONG,), ended=(SONG, GAME, OLDER))
        assert await HistoryStore(gateway).write_many({USER: first}, now_ms=NOW_MS) == {USER: True}
        [stored] = await recorder.load_many([USER])
        again = HistoryWrite(revision=stored.revision, seen=seen, removed=(SONG,), ended=(SONG,))
        assert await HistoryStore(gateway).write_many({USER: again}, now_ms=NOW_MS) == {USER: True}
        await recorder.drop_old([USER], now_ms=NOW_MS)

        reader = HistoryStore(api)
        kept = await reader.of_user(USER, now_ms=NOW_MS)
        assert (kept.level, kept.last_seen) == ("recent", NOW_MS)
        assert {entry.name for entry in kept.recent} == {"Spotify", "Chess"}
        for store in (api, gateway):  # both serve people who hide something
            await hide(store, GAME)
            assert (await reader.load_all(USER)).ended == (SONG,)
            await hide(store)
            [stored] = await recorder.load_many([USER])
            back = HistoryWrite(revision=stored.revision, seen=seen, ended=(GAME,))
            assert (await recorder.write_many({USER: back}, now_ms=NOW_MS))[USER]
        await UserSettingsStore(api).change(USER, lambda old: replace(old, history="last_seen"))
        assert (await reader.load_all(USER)).ended == ()
        await reader.erase(USER)
        assert (await reader.load_all(USER)).revision == 0


async def hide(store: Store, *games: ActivitySession) -> None:
    """These only."""
    hidden = tuple(game.application_id or "" for game in games)
    await UserSettingsStore(store).change(USER, lambda old: replace(old, hide_applications=hidden))


@pytest.mark.parametrize("file", FILES)
async def test_cards_cannot_read_a_history(tmp_path: Path, file: str) -> None:
    """It draws what plays now, from the presence."""
    async with guarded(tmp_path, file) as server, stores(server, "cards") as (_, cards):
        with pytest.raises(NoPermissionError):
            await cards.redis.hmget(keys.history(USER), ["seen"])
        with pytest.raises(NoPermissionError):
            await cards.redis.zrange(keys.history_recent(USER), 0, -1)
