"""The recorder and a real Redis: states in, histories out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from services.gateway.history.observations import Observations
from services.gateway.history.recorder import HistoryRecorder, RecorderTimings
from services.gateway.history.watch import Watch
from shared.model.history import History, KeptSong
from shared.model.snapshot import Presence
from shared.model.user_settings import UserSettings
from shared.redis.history import HistoryStore
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.logged import own_lines
from testing.redis_server import RedisServer
from tests.gateway.history.shown import CHESS, game, presence, song
from tests.gateway.history.test_watch import FakeShard
from tests.gateway.people_fixture import KnownPeople

ROBIN, GUILD = 1274150219482660897, 816976062578688017
QUICK = RecorderTimings(interval_s=0.01, noted_s=0.0, confirm_s=0.0, clear_s=0.0)
RECENT = UserSettings(history="recent")


class GatewayProcess:
    """What one process knows of the person, and its recorder."""

    def __init__(self, durable: Store, settings: UserSettings = RECENT) -> None:
        self.people = KnownPeople()
        self.shards = [FakeShard(0), FakeShard(1)]
        self.watch = Watch(self.shards)
        self.observations = Observations(self.people, self.watch)
        self.changed: list[int] = []
        self.recorder = HistoryRecorder(
            HistoryStore(durable),
            self.observations,
            self.watch,
            self.people,
            self.changed.append,
            QUICK,
        )
        self.choose(settings)

    def choose(self, settings: UserSettings) -> None:
        self.people.choose(ROBIN, settings)
        self.observations.settings_changed(ROBIN)

    def shows(self, shown: Presence) -> int | None:
        last_seen = self.observations.last_seen(ROBIN, shown.status, [GUILD])
        encoded = msgspec.json.encode(shown)
        self.observations.saved(ROBIN, encoded, [GUILD], version=0, received_us=0)
        assert last_seen is None or isinstance(last_seen, int)
        return last_seen

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.recorder.refresh()
        task = asyncio.create_task(self.recorder.run())
        await asyncio.sleep(0)  # it has begun
        try:
            yield
        finally:
            task.cancel()  # once: it records what waits
            await asyncio.wait([task])


@pytest.fixture
async def durable(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
async def process(durable: Store) -> GatewayProcess:
    await UserSettingsStore(durable).change(ROBIN, lambda _: RECENT)
    return GatewayProcess(durable)


async def names(durable: Store, *expected: tuple[str | None, bool]) -> History:
    """Wait for these entries: the name, and whether it is over."""

    async def found() -> History | None:
        history = await HistoryStore(durable).of_user(ROBIN)
        shown = [(one.name, one.ended_at is not None) for one in history.recent]
        return history if shown == list(expected) else None

    history = await eventually_async(found)
    assert history is not None
    return history


async def test_what_could_not_be_read_in_time_is_corrected(
    process: GatewayProcess, durable: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person went offline between two processes: that they were seen is not lost."""
    async with process.running():
        process.shows(presence(game()))
        await names(durable, ("Chess", False))
    later = GatewayProcess(durable)

    async def nothing() -> None:
        pass

    monkeypatch.setattr(later.recorder, "refresh", nothing)
    async with later.running():
        assert later.shows(presence(status="invisible")) is None
        last_seen = await eventually(
            lambda: later.observations.last_seen(ROBIN, "invisible", [GUILD])
        )
        assert (await HistoryStore(durable).of_user(ROBIN)).last_seen == last_seen


async def test_activities_are_recorded(process: GatewayProcess, durable: Store) -> None:
    """With the person's last seen."""
    async with process.running():
        process.shows(presence(game(), heard=song("A")))
        await names(durable, ("Spotify", False), ("Chess", False))
        last_seen = process.shows(presence(status="invisible"))
        await eventually(lambda: not len(process.observations))

        async def is_over() -> bool:
            history = await HistoryStore(durable).of_user(ROBIN)
            return history.last_seen == last_seen and all(one.ended_at for one in history.recent)

        await eventually_async(is_over)
        assert last_seen is not None


async def test_two_processes_make_one_entry(process: GatewayProcess, durable: Store) -> None:
    """Whoever writes second has read what the first one wrote."""
    other = GatewayProcess(durable)
    async with process.running(), other.running():
        for one in (process, other):
            one.shows(presence(game(start=1)))
        await names(durable, ("Chess", False))
        for one in (other, process):
            one.shows(presence())
        await eventually(lambda: not len(process.observations) and not len(other.observations))
        await names(durable, ("Chess", True))


async def test_the_next_process_goes_on(process: GatewayProcess, durable: Store) -> None:
    """The activity is one entry; the person who left in between was seen by the first one."""
    async with process.running():
        process.shows(presence(game(created_at=1)))
        await names(durable, ("Chess", False))
    heir = GatewayProcess(durable)
    async with heir.running():
        heir.shows(presence(game(created_at=1)))
        await names(durable, ("Chess", False))
    last = GatewayProcess(durable)
    before = await HistoryStore(durable).watched()
    async with last.running():
        last_seen = last.shows(presence(status="invisible"))
        history = await names(durable, ("Chess", True))
    assert before.keys() == {"0/2", "1/2"}
    assert last_seen == history.last_seen == history.recent[0].ended_at


async def test_states_are_recorded_as_the_process_ends(
    process: GatewayProcess, durable: Store
) -> None:
    """What was saved just before is not lost."""
    async with process.running():
        process.shows(presence(game()))
    await names(durable, ("Chess", False))


async def test_while_redis_is_away_the_newest_state_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is recorded when Redis is back."""
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as durable:
        await UserSettingsStore(durable).change(ROBIN, lambda _: RECENT)
        await server.execute("SAVE")
        process = GatewayProcess(durable)
        async with process.running():
            await server.kill()
            process.shows(presence(game("Go")))
            await eventually(
                lambda: any("cannot be recorded now" in line for line in own_lines(caplog))
            )
            process.shows(presence(game()))
            await server.start()
            await names(durable, ("Chess", False))


async def test_what_is_hidden_later_is_erased(process: GatewayProcess, durable: Store) -> None:
    """Not only not shown."""
    async with process.running():
        process.shows(presence(game(), game("Go", application_id=None)))
        await names(durable, ("Chess", False), ("Go", False))
        process.shows(presence())
        await names(durable, ("Go", True), ("Chess", True))
        hiding = UserSettings(history="recent", hide_applications=(CHESS,))
        await UserSettingsStore(durable).change(ROBIN, lambda _: hiding)
        process.choose(hiding)
        process.shows(presence())

        async def is_erased() -> bool:
            stored = await HistoryStore(durable).load_all(ROBIN)
            return [one.name for one in stored.ended] == ["Go"]

        await eventually_async(is_erased)


async def test_everybody_is_looked_at_again_after_a_break(process: GatewayProcess) -> None:
    """So that what goes on is known to have gone on."""
    async with process.running():
        await eventually(lambda: ROBIN in process.changed)


def last_song(process: GatewayProcess) -> str | None:
    """As pictures are told."""
    told = process.observations.kept_song(ROBIN)
    kept = msgspec.json.decode(told, type=KeptSong) if told else KeptSong()
    return kept.song.song if kept.song else None


async def test_the_last_song_is_known_however_old(process: GatewayProcess, durable: Store) -> None:
    """After more activities than a recorder reads, and in the next process, from its start."""
    async with process.running():
        process.shows(presence(heard=song("A")))
        await names(durable, ("Spotify", False))
        assert last_song(process) is None
        games = [game(f"Game {number}", application_id=None) for number in range(12)]
        process.shows(presence(*games))
        await eventually(lambda: last_song(process) == "A")
        assert process.changed[-1] == ROBIN
        process.shows(presence())

        async def is_over() -> bool:
            return all(one.ended_at for one in (await HistoryStore(durable).of_user(ROBIN)).recent)

        await eventually_async(is_over)
        process.shows(presence(game()))
        await eventually(lambda: not len(process.observations))
        assert last_song(process) == "A"
    heir = GatewayProcess(durable)
    await heir.recorder.refresh()
    assert last_song(heir) == "A"


async def test_a_song_that_comes_back_is_not_the_last(
    process: GatewayProcess, durable: Store
) -> None:
    """The one before it is, until it is over again."""
    async with process.running():
        for title in ("A", "B"):
            process.shows(presence(heard=song(title, start=1)))
            await names(durable, ("Spotify", False), *[("Spotify", True)] * (title == "B"))
        process.shows(presence())
        await eventually(lambda: last_song(process) == "B")
        process.shows(presence(heard=song("B", start=1)))
        await eventually(lambda: last_song(process) == "A")
        process.shows(presence())
        await eventually(lambda: last_song(process) == "B")


async def test_an_erased_song_is_not_the_last(process: GatewayProcess, durable: Store) -> None:
    """Switched off and on again: the settings are the same, and the song is gone."""
    async with process.running():
        process.shows(presence(heard=song("A")))
        await names(durable, ("Spotify", False))
        process.shows(presence())
        await eventually(lambda: last_song(process) == "A")
        await UserSettingsStore(durable).change(ROBIN, lambda _: UserSettings())
        await UserSettingsStore(durable).change(ROBIN, lambda _: RECENT)
        process.choose(RECENT)
        assert last_song(process) is None
        process.shows(presence(game()))
        await names(durable, ("Chess", False))
        await eventually(lambda: not len(process.observations))
        assert last_song(process) is None
