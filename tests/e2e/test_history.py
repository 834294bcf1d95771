"""Last seen and history of people who ask for it, over the life of several gateways."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from shared.model.user_settings import HistoryLevel
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.e2e.readers import UNLIMITED
from tests.e2e.stack import REST, ROBIN, Stack, running

CHESS, CODE = "383226320970055681", "356875221078245376"
START = time.time_ns() // 1_000_000 - 60_000


def game(name: str, application_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": application_id,
        "type": 0,
        "name": name,
        "application_id": application_id,
        "created_at": START,
        "timestamps": {"start": START},
        **more,
    }


class Site:
    """All of Grux, with a durable Redis of its own."""

    def __init__(self, stack: Stack, durable: Store) -> None:
        self.stack = stack
        self.settings = UserSettingsStore(durable)

    async def choose(self, level: HistoryLevel) -> None:
        await self.settings.change(int(ROBIN), lambda old: replace(old, history=level))

    def show(self, status: str, *activities: dict[str, Any]) -> None:
        clients = {} if status == "offline" else {"web": status}
        self.stack.simulator.world.set_presence(ROBIN, status, list(activities), clients)

    async def history(self, *expected: tuple[str, bool]) -> dict[str, Any]:
        """Wait for these entries: the name, and whether it is over."""

        async def found() -> dict[str, Any]:
            status, body = await self.stack.get(f"/history/{ROBIN}")
            recent = body["data"]["recent"] if status == 200 else []
            names = [(one["name"], one["ended_at"] is not None) for one in recent]
            return body["data"] if status == 200 and names == list(expected) else {}

        return await eventually_async(found)

    async def details(self, details: str) -> None:
        """Wait for these details of the only entry."""

        async def found() -> bool:
            history = await self.history(("Chess", False))
            return bool(history["recent"][0]["details"] == details)

        await eventually_async(found)

    async def code(self, code: str) -> None:
        async def answered() -> bool:
            _, body = await self.stack.get(f"/history/{ROBIN}")
            return not body.get("success") and body["error"]["code"] == code

        await eventually_async(answered)

    async def last_seen(self) -> int:
        shown = await self.stack.shows(ROBIN, lambda data: bool(data.get("last_seen")))
        last_seen = shown["last_seen"]
        assert isinstance(last_seen, int)
        return last_seen


@asynccontextmanager
async def site(services: tuple[str, ...] = REST) -> AsyncIterator[Site]:
    """Robin shows nothing: what they show when they choose a history would be a part of it."""
    async with (
        RedisServer() as server,
        Store.connect(server.url, timeout=PATIENCE) as durable,
        running(services=services, env={"DURABLE_REDIS_URL": server.url, **UNLIMITED}) as stack,
    ):
        here = Site(stack, durable)
        here.show("offline")
        await stack.shows(ROBIN, lambda data: data["status"] == "invisible")
        yield here


async def test_a_session_outlives_gateways() -> None:
    """A restart, a kill and an emptied Redis: it is one entry, until it is over."""
    async with site() as here:
        await here.code("history_off")
        await here.choose("recent")
        here.show("online", game("Chess", CHESS, details="Lobby"))
        await here.history(("Chess", False))
        await here.stack.processes["gateway"].stop()
        await here.stack.start("gateway")
        here.show("online", game("Chess", CHESS, details="Round 1"))
        await here.details("Round 1")
        await here.stack.redis.flush()
        here.stack.processes["gateway"].send(signal.SIGKILL)
        await here.stack.processes["gateway"].ended()
        await here.stack.start("gateway")
        here.show("online", game("Code", CODE))
        history = await here.history(("Code", False), ("Chess", True))
        assert history["recent"][1]["started_at"] == START
        assert history["recent"][1]["details"] == "Round 1"


async def test_what_ends_while_no_gateway_runs() -> None:
    """It ended when a gateway saw it last, and so was the person seen last."""
    async with site() as here:
        await here.choose("recent")
        here.show("online", game("Chess", CHESS))
        await here.history(("Chess", False))
        gateway = here.stack.processes["gateway"]
        await gateway.stop()
        stopped = time.time_ns() // 1_000_000
        here.show("offline")
        await here.stack.start("gateway")
        last_seen = await here.last_seen()
        history = await here.history(("Chess", True))
        assert history["last_seen"] == last_seen == history["recent"][0]["ended_at"]
        assert last_seen <= stopped


async def test_last_seen_comes_and_goes() -> None:
    """Watchers are told. What they merged is right when the history is switched off."""
    async with site(("api", "ws", "gateway")) as here:
        watcher = await here.stack.watch(ROBIN)
        await here.choose("last_seen")
        here.show("idle")
        await watcher.until(
            lambda frame: "last_seen" in frame["d"] and frame["d"]["status"] == "idle"
        )
        assert watcher.last()["last_seen"] is None
        here.show("offline")
        last_seen = await here.last_seen()
        await watcher.until(lambda frame: frame["d"].get("last_seen") == last_seen)
        _, activity = await here.stack.get(f"/activity/{ROBIN}")
        assert list(activity["data"])[-1] == "last_seen"
        assert await here.history() == {"last_seen": last_seen, "recent": []}
        await here.choose("off")
        await here.code("history_off")

        async def is_forgotten() -> bool:
            return watcher.last()["last_seen"] is None

        await eventually_async(is_forgotten)


async def test_hidden_people_have_no_history() -> None:
    """They look like people who were never there, and are not seen meanwhile."""
    async with site() as here:
        await here.choose("recent")
        here.show("online", game("Chess", CHESS), game("Code", CODE))
        await here.history(("Chess", False), ("Code", False))
        await here.settings.change(int(ROBIN), lambda old: replace(old, visible=False))
        await here.code("user_not_monitored")
        here.show("offline")
        await here.settings.change(
            int(ROBIN), lambda old: replace(old, visible=True, hide_applications=(CHESS,))
        )
        history = await here.history(("Code", True))
        assert history["last_seen"] == history["recent"][0]["ended_at"]


@pytest.mark.parametrize("level", ["last_seen", "off"])
async def test_switching_down_erases(level: HistoryLevel) -> None:
    """At once, and for good."""
    async with site() as here:
        await here.choose("recent")
        here.show("online", game("Chess", CHESS))
        await here.history(("Chess", False))
        await here.choose(level)
        if level == "off":
            await here.code("history_off")
        else:
            await here.history()
        here.show("online", game("Code", CODE))
        await here.stack.shows(ROBIN, lambda data: data["activity"][0]["name"] == "Code")
        await here.choose("recent")
        await here.history(("Code", False))


SONG: dict[str, Any] = {
    "id": "spotify:1",
    "type": 2,
    "name": "Spotify",
    "details": "90mph",
    "state": "JBEE",
    "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
    "created_at": START,
}
SILENCE, LAST = "Nothing is playing", "Last played on Spotify: 90mph, JBEE"


async def test_the_last_song_is_in_the_picture() -> None:
    """Over the life of a gateway, until it is hidden or erased: then it is not in Redis either."""
    async with site(("api", "cards", "gateway")) as here, aiohttp.ClientSession() as http:
        stack = here.stack
        url = f"http://127.0.0.1:{stack.api_port}/now-playing/{ROBIN}.svg"

        async def pictures(title: str) -> None:
            async def is_shown() -> bool:
                async with http.get(url) as answer:
                    return f"<title>{title}</title>" in await answer.text()

            await eventually_async(is_shown)

        async def told() -> str:
            key = f"presence:{{{ROBIN}}}"
            async with Redis.from_url(stack.redis.url, protocol=2) as redis:
                return str(await redis.hget(key, "history"))

        await here.choose("recent")
        here.show("online", SONG)
        await here.history(("Spotify", False))
        here.show("offline")
        await pictures(LAST)
        assert "90mph" in await told()
        await stack.processes["gateway"].stop()
        await pictures(LAST)
        await stack.start("gateway")
        here.show("online", game("Chess", CHESS))
        await here.history(("Chess", False), ("Spotify", True))
        await pictures(LAST)
        await here.settings.change(int(ROBIN), lambda old: replace(old, hide=("spotify",)))
        await pictures(SILENCE)
        assert "90mph" not in await told()
        await here.settings.change(int(ROBIN), lambda old: replace(old, hide=()))
        here.show("online", SONG)
        await here.history(("Spotify", False), ("Chess", True))
        here.show("online")
        await pictures(LAST)
        await here.choose("off")
        await pictures(SILENCE)
        assert await told() == "None"
