"""Robin with everything that can be hidden, and every way to see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.model.user_settings import HideableField
from shared.redis import keys
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually
from tests.e2e.stack import ROBIN, Stack, running


def encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()


GAME: Final = "356875221078245376"
ACTIVITIES: Final = [
    {"id": "custom", "type": 4, "name": "Custom Status", "state": "WordsOfMine", "created_at": 1},
    {
        "id": "spotify:1",
        "type": 2,
        "name": "Spotify",
        "details": "SongOfMine",
        "state": "ArtistOfMine",
        "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
        "assets": {"large_image": "spotify:ab67616d0000b2737aee7c56", "large_text": "AlbumOfMine"},
        "created_at": 2,
    },
    {
        "id": "game",
        "type": 0,
        "name": "GameOfMine",
        "application_id": GAME,
        "created_at": 3,
        "assets": {"large_image": "1359299128655347824", "large_text": "ArtOfMine"},
    },
]
UNLIMITED: Final = {"API_REQUESTS_PER_MINUTE": "0", "CARDS_REQUESTS_PER_MINUTE": "0"}
SUBSCRIBE: Final = encoded({"op": 2, "d": {"subscribe_to_id": ROBIN}})
LOOKS: Final = {
    "public_flags": 1 << 22,
    "avatar_decoration_data": {"asset": "a_0123456789abcdef0123456789abcdef", "sku_id": "1"},
    "primary_guild": {
        "identity_guild_id": "1112920281367973900",
        "identity_enabled": True,
        "tag": "TAGM",
        "badge": "b8161e357e4c3de4fb7c649b3523a1ea",
    },
}

TRACES: Final[Mapping[HideableField | str, str]] = {
    "status": r"dnd|do not disturb",
    "device": r'"mobile"|mobile":true',
    "activities": r"GameOfMine|ArtOfMine|1359299128655347824",
    "spotify": r"SongOfMine|ArtistOfMine|AlbumOfMine|6uT2TsDrCrXue7ROEfNeGN|ab67616d0000b27",
    "custom_status": r"WordsOfMine",
    "badges": r"active_developer|4194304",
    "clan": r"TAGM",
    "decoration": r"a_0123456789abcdef",
    "applications": r"GameOfMine|ArtOfMine|1359299128655347824",
}
"""By what is hidden: how it would be seen. `listening` and `connected_accounts` have nothing in
this test."""


def matching(field: str, texts: Mapping[str, str]) -> set[str]:
    """The readers that show it. Images inside of a card are pixels, in which any letters may be."""
    return {
        name
        for name, text in texts.items()
        if re.search(TRACES[field], re.sub(r"data:[^\"']+", "", text), re.IGNORECASE)
    }


class Follower:
    """A client that stays connected, and what its frames add up to."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.state: dict[str, Any] = {}
        self.frames = 0
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.connection:
                frame = msgspec.json.decode(message)
                if frame["op"] in (0, "initial_data", "presence_update", "profile_update"):
                    self.state.update(frame["d"])
                    self.frames += 1
        except ConnectionClosed:
            pass


class Readers:
    """Every way to see Robin."""

    def __init__(
        self, stack: Stack, http: aiohttp.ClientSession, redis: Redis, clients: dict[str, Follower]
    ) -> None:
        self._stack = stack
        self._http = http
        self._redis = redis
        self._clients = clients

    async def rest(self, user_id: str) -> dict[str, str]:
        """Status, headers and text of each route, without what names the user or the moment."""
        routes = [
            *(f"/user/{user_id}", f"/activity/{user_id}", f"/v1/users/{user_id}"),
            *(f"/{user_id}.png", f"/avatar/{user_id}", f"/avatar/{user_id}.webp?size=64"),
            *(f"/card/{user_id}.svg", f"/card/{user_id}.png"),
            *(f"/badge/{user_id}.svg", f"/badge/{user_id}.json"),
        ]
        return {route.replace(user_id, "ID"): await self._get(route, user_id) for route in routes}

    async def everything(self) -> dict[str, str]:
        """All readers of Robin, with Redis itself."""
        texts = await self.rest(ROBIN)
        for name, client in self._clients.items():
            texts[f"client of {name}"] = encoded(client.state)
        for name, path in (("ws", f"/?user_id={ROBIN}"), ("socket", "/socket")):
            async with self._connect(path) as connection:
                texts[f"new {name}"] = encoded(await first_state(connection, name))
        stored: Any = await self._redis.hgetall(keys.presence(int(ROBIN)))
        texts["redis"] = " ".join(value.decode() for value in stored.values())
        return texts

    async def _get(self, route: str, user_id: str) -> str:
        url = f"http://127.0.0.1:{self._stack.api_port}{route}"
        async with self._http.get(url, allow_redirects=False) as answer:
            body = await answer.read()
            headers = sorted(
                f"{name}: {value}"
                for name, value in answer.headers.items()
                if name.lower() not in ("date", "x-request-id")
            )
        text = "\n".join([str(answer.status), *headers, body.decode("utf-8", "replace")])
        return text.replace(user_id, "ID")

    @asynccontextmanager
    async def _connect(self, path: str) -> AsyncIterator[ClientConnection]:
        async with connect(f"ws://127.0.0.1:{self._stack.ws_port}{path}", proxy=None) as client:
            yield client


async def first_state(client: ClientConnection, name: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        if name == "ws":
            return msgspec.json.decode(await client.recv())
        await client.recv()  # Hello
        await client.send(SUBSCRIBE)
        return msgspec.json.decode(await client.recv())


@asynccontextmanager
async def readers() -> AsyncIterator[tuple[Stack, Readers, UserSettingsStore, dict[str, Follower]]]:
    """Robin with everything that can be hidden, and all readers connected."""
    async with (
        running(services=("api", "ws", "cards", "gateway"), env=UNLIMITED) as stack,
        aiohttp.ClientSession() as http,
        Redis.from_url(stack.redis.url, protocol=2) as redis,
        Store.connect(stack.redis.url, timeout=PATIENCE) as durable,
        connect(f"ws://127.0.0.1:{stack.ws_port}/?user_id={ROBIN}", proxy=None) as own,
        connect(f"ws://127.0.0.1:{stack.ws_port}/socket", proxy=None) as socket,
    ):
        world = stack.simulator.world
        world.update_user(ROBIN, **LOOKS)
        world.set_presence(ROBIN, "dnd", ACTIVITIES, {"mobile": "dnd"})
        await stack.shows(ROBIN, lambda data: bool(data["profile"]["clan"] and data["spotify"]))
        await socket.send(SUBSCRIBE)
        clients = {"ws": Follower(own), "socket": Follower(socket)}
        await eventually(lambda: all("SongOfMine" in encoded(c.state) for c in clients.values()))
        yield stack, Readers(stack, http, redis, clients), UserSettingsStore(durable), clients
        for client in clients.values():
            await client.connection.close()
            await client.task
