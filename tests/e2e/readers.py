"""Robin with everything that can be hidden, and every way to see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.model.connected_accounts import OwnConnection
from shared.model.user_settings import HideableField, UserSettings
from shared.redis import keys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.free_port import free_port
from tests.e2e.stack import ROBIN, Stack, running
from tests.public_routes import SHOWING, UNCHANGING
from tests.webhooks.receiver import SECRET, Receiver, receiving


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
    {
        "id": "player",
        "type": 2,
        "name": "PlayerOfMine",
        "application_id": "833617820704440341",
        "details": "TuneOfMine",
        "state": "BandOfMine",
        "created_at": 4,
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
GITHUB: Final = OwnConnection("github", "4200042", "AccountOfMine", verified=True, visibility=1)
SHOWN: Final = UserSettings(connected_accounts=(GITHUB.key,), history="recent")
"""What Robin chooses while nothing is hidden."""

TRACES: Final[Mapping[HideableField | str, str]] = {
    "status": r"dnd|do not disturb",
    "device": r'"mobile"|mobile":true',
    "activities": r"GameOfMine|ArtOfMine|1359299128655347824|TuneOfMine|BandOfMine|PlayerOfMine",
    "spotify": r"SongOfMine|ArtistOfMine|AlbumOfMine|6uT2TsDrCrXue7ROEfNeGN|ab67616d0000b27",
    "listening": r"TuneOfMine|BandOfMine|PlayerOfMine",
    "custom_status": r"WordsOfMine",
    "badges": r"active_developer|4194304",
    "clan": r"TAGM",
    "connected_accounts": r"AccountOfMine",
    "decoration": r"a_0123456789abcdef",
    "applications": r"GameOfMine|ArtOfMine|1359299128655347824",
}
"""By what is hidden: how it would be seen."""

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("device",),
    "activities": ("listening", "applications"),
}
"""What is hidden with it."""

_VARYING: Final = frozenset({"date", "x-request-id"})
_RANDOM: Final = re.compile(r"retry: [0-9]+")  # of each event stream


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
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.connection:
                frame = msgspec.json.decode(message)
                if frame["op"] in (0, "initial_data", "presence_update", "profile_update"):
                    self.state.update(frame["d"])
        except ConnectionClosed:
            pass


class Readers:
    """Every way to see Robin, and Robin's settings."""

    def __init__(
        self,
        stack: Stack,
        http: aiohttp.ClientSession,
        redis: Redis,
        settings: UserSettingsStore,
        endpoint: Receiver,
    ) -> None:
        self.stack = stack
        self.endpoint = endpoint  # of webhooks
        self._http = http
        self._redis = redis
        self._settings = settings

    async def choose(self, settings: UserSettings) -> None:
        """Change Robin's settings."""
        await self._settings.change(int(ROBIN), lambda _: settings)

    async def stored(self) -> str:
        """What the presence Redis has of Robin."""
        found: Any = await self._redis.hgetall(keys.presence(int(ROBIN)))
        return " ".join(value.decode() for value in found.values())

    async def answers(self, user_id: str, routes: Iterable[str] | None = None) -> dict[str, str]:
        """Status, headers and text of each route, without what names the user or the moment.

        `routes`: the requests as tests/public_routes.py has them; by default those of SHOWING.
        """
        requests = requests_of(SHOWING) if routes is None else routes
        return {request: await self._get(request, user_id) for request in requests}

    async def fixed(self, user_id: str) -> dict[str, str]:
        """The pages that are the same for every user."""
        return {request: await self._get(request, user_id) for request in requests_of(UNCHANGING)}

    async def connections(self) -> dict[str, str]:
        """What new connections to ws are told about Robin."""
        texts = {}
        for name, path in (("ws", f"/?user_id={ROBIN}"), ("socket", "/socket")):
            async with self._connect(path) as connection:
                texts[f"new {name}"] = encoded(await first_state(connection, name))
        return texts

    async def everything(self, clients: Mapping[str, Follower]) -> dict[str, str]:
        """All readers of Robin, with Redis itself."""
        texts = {f"client of {name}": encoded(one.state) for name, one in clients.items()}
        texts |= await self.answers(ROBIN) | await self.connections()
        texts["webhook"] = encoded(self.endpoint.received[-1].body["data"])
        return {**texts, "redis": await self.stored()}

    @asynccontextmanager
    async def following(self) -> AsyncIterator[dict[str, Follower]]:
        """Open connections of both dialects, which know Robin."""
        async with self._connect(f"/?user_id={ROBIN}") as own, self._connect("/socket") as socket:
            await socket.send(SUBSCRIBE)
            clients = {"ws": Follower(own), "socket": Follower(socket)}
            await eventually(lambda: all(one.state for one in clients.values()))
            yield clients
            for client in clients.values():
                await client.connection.close()
                await client.task

    async def _get(self, request: str, user_id: str) -> str:
        port = self.stack.ws_port if request in WS_REQUESTS else self.stack.api_port
        api = f"http://127.0.0.1:{self.stack.api_port}"
        url = f"http://127.0.0.1:{port}" + request.format(id=user_id, api=api)
        async with self._http.get(url, allow_redirects=False) as answer:
            is_stream = answer.content_type == "text/event-stream"
            body = await (first_event(answer) if is_stream else answer.read())
            # A tag is that of the bytes, and the id is among them.
            unlike = {*_VARYING, "etag"} if user_id.encode() in body else _VARYING
            headers = sorted(
                f"{name.lower()}: {value}"
                for name, value in answer.headers.items()
                if name.lower() not in unlike
            )
        text = "\n".join([str(answer.status), *headers, body.decode("utf-8", "replace")])
        return _RANDOM.sub("retry: N", text.replace(user_id, "ID"))

    @asynccontextmanager
    async def _connect(self, path: str) -> AsyncIterator[ClientConnection]:
        async with connect(f"ws://127.0.0.1:{self.stack.ws_port}{path}", proxy=None) as client:
            yield client


def requests_of(group: Mapping[Any, Mapping[str, tuple[str, ...]]]) -> list[str]:
    """All requests of SHOWING or UNCHANGING."""
    return [one for by_path in group.values() for several in by_path.values() for one in several]


WS_REQUESTS: Final = frozenset(
    one for group in (SHOWING, UNCHANGING) for several in group["ws"].values() for one in several
)


async def first_event(answer: aiohttp.ClientResponse) -> bytes:
    """An event stream up to the end of its first event."""
    text = b""
    async with asyncio.timeout(PATIENCE):
        while b"data:" not in text:
            text += await answer.content.readuntil(b"\n\n")
    return text


async def first_state(client: ClientConnection, name: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        if name == "ws":
            return msgspec.json.decode(await client.recv())
        await client.recv()  # Hello
        await client.send(SUBSCRIBE)
        return msgspec.json.decode(await client.recv())


@asynccontextmanager
async def readers() -> AsyncIterator[Readers]:
    """Robin with everything that can be hidden, and all services."""
    port = free_port()
    async with receiving() as endpoint, _seen_by(endpoint, port) as seen:
        yield seen


@asynccontextmanager
async def _seen_by(endpoint: Receiver, port: int) -> AsyncIterator[Readers]:
    webhooks = [{"url": endpoint.url, "secret": SECRET, "users": [ROBIN], "private": True}]
    env = {
        **UNLIMITED,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WEBHOOKS": encoded(webhooks),
    }
    services = ("api", "ws", "cards", "gateway", "webhooks")
    async with (
        running(services=services, env=env, api_port=port) as stack,
        aiohttp.ClientSession(headers={"Accept": "text/html, */*"}) as http,
        Redis.from_url(stack.redis.url, protocol=2) as redis,
        Store.connect(stack.redis.url, timeout=PATIENCE) as durable,
    ):
        seen = Readers(stack, http, redis, UserSettingsStore(durable), endpoint)
        await ConnectedAccountsStore(durable).replace(int(ROBIN), [GITHUB])
        await seen.choose(SHOWN)
        stack.simulator.world.update_user(ROBIN, **LOOKS)
        stack.simulator.world.set_presence(ROBIN, "dnd", ACTIVITIES, {"mobile": "dnd"})

        async def is_shown() -> bool:
            text = {"redis": await seen.stored()}
            return all(matching(field, text) for field in TRACES)

        await eventually_async(is_shown)
        await eventually(lambda: endpoint.received)
        yield seen
