"""Lanyard's clients, as published, against a running Grux: only the host name is another one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from shared.redis.api_keys import ApiKeys
from shared.redis.store import Store
from testing.eventually import eventually
from tests.e2e.stack import ROBIN, Stack, running
from tests.lanyard_clients.node_clients import NodeClients, running_clients
from tests.lanyard_clients.prepare import NODE_MODULES

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("lanyard-clients"),
    pytest.mark.skipif(
        shutil.which("node") is None or not NODE_MODULES.exists(),
        reason="needs Node.js, and `python -m tests.lanyard_clients.prepare`",
    ),
]
STRANGER: Final = "1138383128625152005"
SOCKETS: Final = (
    "use-lanyard",
    "react-use-lanyard",
    "sk-lanyard",
    "svelte-lanyard",
    "lanyard-wrapper",
)
REST: Final = (
    "use-lanyard get",
    "use-lanyard rest",
    "react-use-lanyard rest",
    "lanyard-wrapper rest",
    "@prequist/lanyard",
    "vue-lanyard",
)
CUSTOM: Final = {
    "id": "custom",
    "name": "Custom Status",
    "type": 4,
    "state": "away from keys",
    "emoji": {"name": "🍜"},
    "created_at": 1790000000001,
}
GAME: Final = {
    "id": "5d44176e3524575c",
    "name": "Rocket League",
    "type": 0,
    "created_at": 1784053200000,
    "application_id": "356877880938070016",
    "flags": 1,
    "session_id": "9f86d081884c7d65",
    "assets": {"large_image": "565945770067623946", "large_text": "Arena"},
    "timestamps": {"start": 1790000000000},
}
SPOTIFY: Final = {
    "id": "spotify:1",
    "name": "Spotify",
    "type": 2,
    "flags": 48,
    "state": "One; Two",
    "details": "A Song",
    "sync_id": "4cOdK2wGLETKBW3PvgPWqT",
    "session_id": "9f86d081884c7d65",
    "party": {"id": "spotify:161092844126208001"},
    "assets": {"large_image": "spotify:ab67616d00001e02", "large_text": "An Album"},
    "timestamps": {"start": 1790000000000, "end": 1790000180000},
    "created_at": 1790000000002,
}
SONG: Final = {
    "track_id": "4cOdK2wGLETKBW3PvgPWqT",
    "song": "A Song",
    "artist": "One; Two",
    "album": "An Album",
    "album_art_url": "https://i.scdn.co/image/ab67616d00001e02",
    "timestamps": {"start": 1790000000000, "end": 1790000180000},
}

Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    """Everything at the api's address, as with `make run`."""
    async with running(services=()) as stack:
        stack.env["WS_URL"] = f"ws://127.0.0.1:{stack.ws_port}"
        for name in ("api", "ws", "gateway"):
            await stack.start(name, **({"TRUSTED_PROXIES": "127.0.0.1"} if name == "ws" else {}))
        await stack.processes["ws"].line_with("listening")
        await stack.shows(ROBIN, lambda data: True)
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(stack: Stack) -> AsyncIterator[NodeClients]:
    async with Store.connect(stack.env["REDIS_URL"]) as durable:
        key = await ApiKeys(durable).create(int(ROBIN))
    host = f"127.0.0.1:{stack.api_port}"
    async with running_clients(GRUX=host, USER=ROBIN, STRANGER=STRANGER, KEY=key) as clients:
        yield clients


def expected(stack: Stack, status: str, *activities: Json, device: str, **changes: Any) -> Json:
    """What Lanyard shows of Robin, written out: each field that is wrong fails."""
    user = stack.simulator.world.people[ROBIN].user
    devices = ("web", "desktop", "mobile", "embedded", "vr")
    return {
        "discord_user": {
            "id": ROBIN,
            "username": user.username,
            "discriminator": "0",
            "global_name": user.global_name,
            "display_name": user.global_name,
            "avatar": user.avatar,
            "public_flags": user.public_flags,
        },
        "discord_status": status,
        **{f"active_on_discord_{one}": one == device for one in devices},
        "listening_to_spotify": SPOTIFY in activities,
        "spotify": SONG if SPOTIFY in activities else None,
        "activities": list(activities),
        "kv": {},
        **changes,
    }


def compared(data: Json) -> Json:
    """The presence, with those keys of `discord_user` that every user has."""
    known = ("id", "username", "discriminator", "global_name", "display_name", "avatar")
    user = {key: data["discord_user"][key] for key in (*known, "public_flags")}
    return {**data, "discord_user": user}


def is_idle(data: Json) -> bool:
    return bool(data.get("discord_status") == "idle")


async def test_sockets_show_what_changes(stack: Stack, clients: NodeClients) -> None:
    """INIT_STATE, then updates; every client shows every field."""
    stack.simulator.world.set_presence(ROBIN, "idle", [CUSTOM, SPOTIFY], {"mobile": "idle"})
    await stack.shows(ROBIN, lambda data: data["status"] == "idle" and data["spotify"] is not None)
    clients.do("sockets")
    first = expected(stack, "idle", CUSTOM, SPOTIFY, device="mobile")
    for client in SOCKETS:
        assert compared(await clients.until(client, is_idle)) == first, client
    stack.simulator.world.set_presence(ROBIN, "dnd", [GAME], {"vr": "dnd"})
    second = expected(stack, "dnd", GAME, device="vr")
    for client in SOCKETS:
        shown = await clients.until(client, lambda data: bool(data["discord_status"] == "dnd"))
        assert compared(shown) == second, client
    changed = {**GAME, "flags": 2}
    stack.simulator.world.set_presence(ROBIN, "dnd", [changed], {"vr": "dnd"})
    for client in SOCKETS:  # what only this dialect shows
        await clients.until(client, lambda data: bool(data["activities"] == [changed]))
    stack.simulator.world.set_presence(ROBIN, "offline", [])
    third = expected(stack, "offline", device="")
    for client in SOCKETS:
        shown = await clients.until(client, lambda data: bool(data["discord_status"] == "offline"))
        assert compared(shown) == third, client


async def test_rest(stack: Stack, clients: NodeClients) -> None:
    """Every client that reads over HTTP shows every field."""
    stack.simulator.world.set_presence(ROBIN, "idle", [CUSTOM, SPOTIFY], {"web": "idle"})
    await stack.shows(ROBIN, lambda data: data["status"] == "idle" and data["spotify"] is not None)
    clients.do("rest")
    wanted = expected(stack, "idle", CUSTOM, SPOTIFY, device="web")
    for client in REST:
        assert compared(await clients.until(client, is_idle)) == wanted, client


async def test_several_users(stack: Stack, clients: NodeClients) -> None:
    """A map, in which who is not monitored is missing."""
    clients.do("several")
    for client in ("sk-lanyard map", "lanyard-wrapper map"):
        shown = await clients.until(client, lambda data: ROBIN in data)
        assert list(shown) == [ROBIN], client
        assert shown[ROBIN]["discord_user"]["id"] == ROBIN


async def test_who_is_not_monitored(clients: NodeClients) -> None:
    """Sockets get an empty object, REST an error that says so; no client breaks."""
    clients.do("strangers")
    for client in SOCKETS:
        assert await clients.until(f"{client} (stranger)", lambda data: True) == {}, client
    for client in REST:
        assert await clients.error(f"{client} (stranger)"), client
    messages = {await clients.error(f"{client} (stranger)") for client in REST}
    assert len(messages) == 1
    assert "uncaught" not in clients.seen


async def test_the_key_value_store(stack: Stack, clients: NodeClients) -> None:
    """Written by two clients, and shown by all of them."""
    if "use-lanyard" not in clients.seen:
        clients.do("sockets")
    clients.do("kv set")
    assert await clients.until("kv set", bool) == 204
    for kv, verb in (
        ({"city": "Kyoto"}, ""),
        ({"city": "Nara", "mood": "calm"}, "merge"),
        ({"city": "Nara", "mood": '"fine"'}, "json"),
        ({"city": "Nara"}, "delete"),
        ({}, "del"),
    ):
        if verb:
            clients.do(f"kv {verb}")
        for client in SOCKETS:
            await clients.until(client, lambda data, kv=kv: bool(data["kv"] == kv))  # type: ignore[misc]
    assert await clients.until("kv merge", bool) == "calm"
    clients.do("kv denied")
    assert "401" in await clients.error("kv denied")


async def test_the_server_restarts(stack: Stack, clients: NodeClients) -> None:
    """Clients that reconnect at once and without end make a handful of connections, and go on."""
    if "use-lanyard" not in clients.seen:
        clients.do("sockets")
        await clients.until("use-lanyard", bool)
    before = await _sockets(clients)
    await stack.processes["ws"].stop()
    stack.simulator.world.set_presence(ROBIN, "dnd", [GAME], {"desktop": "dnd"})
    await stack.start("ws", TRUSTED_PROXIES="127.0.0.1")
    for client in ("use-lanyard", "react-use-lanyard"):
        await clients.until(client, lambda data: bool(data["discord_status"] == "dnd"))
    stack.simulator.world.set_presence(ROBIN, "idle", [], {"desktop": "idle"})
    for client in ("use-lanyard", "react-use-lanyard"):
        assert compared(await clients.until(client, is_idle)) == expected(
            stack, "idle", device="desktop"
        )
    assert await _sockets(clients) - before < 20


async def _sockets(clients: NodeClients) -> int:
    """How many WebSockets the clients have opened."""
    seen = len(clients.seen.get("count", []))
    clients.do("count")
    await eventually(lambda: len(clients.seen.get("count", [])) > seen)
    return int(clients.seen["count"][-1]["data"])
