"""Users with Discord's objects in Redis, and clients that speak Lanyard's dialect."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from services.ws.limits import WsLimits
from shared.redis.store import Fields, Save
from testing.eventually import PATIENCE
from tests.ws.ws_fixture import GUILD, Backend, RunningServer, presence, profile, receive

HELLO = {"op": 1, "d": {"heartbeat_interval": 30000}}
HELD_SHORTLY = WsLimits(lanyard_hold=0.1, refuse_after=0.2)

Json = dict[str, Any]


def discord(user_id: int, number: int, status: str = "online") -> Json:
    """Discord's objects of a user; the number tells them apart."""
    game = {"id": "game", "type": 0, "name": f"level {number}", "flags": number}
    return {
        "user": {"id": str(user_id), "username": "anna", "global_name": "Anna", "avatar": None},
        "status": status,
        "client_status": {"desktop": status},
        "activities": [game],
    }


async def show(backend: Backend, user_id: int, number: int, *, seen: int | None = None) -> None:
    """The gateway writes this state. `seen`: that of Grux's own dialect, if it is another one."""
    fields = Fields(
        msgspec.json.encode(profile(user_id)),
        msgspec.json.encode(presence(number if seen is None else seen)),
        msgspec.json.encode(discord(user_id, number)),
    )
    await backend.store.save([Save(user_id, fields, (GUILD,))])


def number_in(shown: Json) -> int:
    """Which state a presence of Lanyard's dialect shows."""
    return int(shown["activities"][0]["flags"])


@asynccontextmanager
async def lanyard_client(
    ws: RunningServer, *said: Any, query: str = ""
) -> AsyncIterator[ClientConnection]:
    """A client that has got Hello, and has said these messages."""
    url = f"ws://127.0.0.1:{ws.port}/socket{query}"
    async with connect(
        url, compression=None, ping_interval=None, max_size=None, open_timeout=PATIENCE
    ) as client:
        assert await next_frame(client) == HELLO
        for message in said:
            await say(client, message)
        yield client


async def say(client: ClientConnection, message: Any) -> None:
    await client.send(msgspec.json.encode(message).decode())


def initialize(*user_ids: int | str) -> Json:
    return {"op": 2, "d": {"subscribe_to_ids": [str(one) for one in user_ids]}}


def initialize_one(user_id: int | str) -> Json:
    return {"op": 2, "d": {"subscribe_to_id": str(user_id)}}


async def next_frame(client: ClientConnection) -> Json:
    frame = await receive(client)
    assert list(frame) == (["op", "d"] if frame["op"] == 1 else ["op", "t", "d"])
    return frame


async def init_state(client: ClientConnection) -> Json:
    frame = await next_frame(client)
    assert (frame["op"], frame["t"]) == (0, "INIT_STATE")
    state: Json = frame["d"]
    return state


async def update(client: ClientConnection) -> Json:
    """The next frame's presence."""
    frame = await next_frame(client)
    assert (frame["op"], frame["t"]) == (0, "PRESENCE_UPDATE")
    shown: Json = frame["d"]
    return shown


def is_farewell(shown: Json) -> bool:
    """Whether it is what clients are told last of a user who is not monitored any more."""
    nothing: Json = {"discord_status": "offline", "activities": [], "spotify": None, "kv": {}}
    return {key: shown[key] for key in nothing} == nothing


def unzipped(frame: str | bytes) -> Json:
    assert isinstance(frame, bytes)
    found: Json = msgspec.json.decode(zlib.decompress(frame))
    return found
