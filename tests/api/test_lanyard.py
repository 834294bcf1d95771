"""Lanyard's REST API: reading, quick links, and what pages of other origins may do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.redis import keys
from shared.redis.api_keys import ApiKeys
from shared.redis.store import Fields, Save, Store
from tests.api.golden import BOT, RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving, warm

USER = RICH.user_id
STRANGER = 1274150219482660898
DISCORD = msgspec.json.encode(
    {
        "user": {
            "id": str(USER),
            "username": "grwx",
            "discriminator": "0",
            "global_name": "Audibert",
            "avatar": "6c9747063de19030c95daa80c1ca61c7",
        },
        "status": "dnd",
        "client_status": {"desktop": "dnd", "vr": "idle"},
        "activities": [
            {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi"},
            {
                "id": "spotify:1",
                "name": "Spotify",
                "type": 2,
                "details": "90mph",
                "state": "JBEE; Sillage",
                "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
                "assets": {"large_text": "90mph", "large_image": "spotify:ab67616d"},
                "timestamps": {"start": 1, "end": 2},
            },
        ],
    }
)
SAVE = Save(USER, Fields(RICH.profile, RICH.presence, DISCORD), joined=(1,))

PRESENCE = {
    "discord_user": {**msgspec.json.decode(DISCORD)["user"], "display_name": "Audibert"},
    "discord_status": "dnd",
    "active_on_discord_web": False,
    "active_on_discord_desktop": True,
    "active_on_discord_mobile": False,
    "active_on_discord_embedded": False,
    "active_on_discord_vr": True,
    "listening_to_spotify": True,
    "spotify": {
        "track_id": "6uT2TsDrCrXue7ROEfNeGN",
        "song": "90mph",
        "artist": "JBEE; Sillage",
        "album": "90mph",
        "album_art_url": "https://i.scdn.co/image/ab67616d",
        "timestamps": {"start": 1, "end": 2},
    },
    "activities": msgspec.json.decode(DISCORD)["activities"],
    "kv": {},
}


def code_of(answer: Answer) -> str:
    body = msgspec.json.decode(answer.body)
    assert body["success"] is False
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.header("access-control-allow-origin") == "*"
    return str(body["error"]["code"])


def data_of(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    body = msgspec.json.decode(answer.body)
    assert body["success"] is True
    return body["data"]


async def test_a_presence(store: Store) -> None:
    """All eleven keys, from Redis and from memory; as JSON, with a tag."""
    await store.save([SAVE])
    cache = ResponseCache()
    path = f"/v1/users/{USER}"
    async with serving(store, cache=cache) as port:
        first = await ask(port, path)
        await warm(port, cache, path)
        second = await ask(port, path)
        assert data_of(first) == data_of(second) == PRESENCE
        assert second.headers == first.headers
        tag = first.header("etag")
        assert first.header("content-type") == "application/json; charset=utf-8"
        unchanged = await ask(port, path, f"If-None-Match: {tag}")
        assert (unchanged.status, unchanged.body) == (304, b"")
        head = await ask(port, path, method="HEAD")
        assert (head.status, head.body, head.header("etag")) == (200, b"", tag)


async def test_a_change_reaches_the_cached_presence(store: Store) -> None:
    """One that only Lanyard's form shows."""
    await store.save([SAVE])
    cache = ResponseCache()
    path = f"/v1/users/{USER}"
    async with serving(store, cache=cache) as port:
        await warm(port, cache, path)
        changed = DISCORD.replace(b'"dnd"', b'"idle"')
        await store.save([Save(USER, Fields(RICH.profile, RICH.presence, changed))])
        assert await _eventually_status(port, path, "idle")


async def _eventually_status(port: int, path: str, status: str) -> bool:
    for _ in range(200):
        if data_of(await ask(port, path))["discord_status"] == status:
            return True
    return False


@pytest.mark.parametrize("user", [STRANGER, "abc", "1", "1.png", "172002275412279296x", "%00"])
async def test_who_is_not_monitored(store: Store, user: object) -> None:
    """The same for what is no id."""
    async with serving(store, discord_invite="https://discord.gg/abc") as port:
        answer = await ask(port, f"/v1/users/{user}")
    assert (answer.status, code_of(answer)) == (404, "user_not_monitored")


async def test_empty_segments_collapse(store: Store) -> None:
    await store.save([SAVE])
    async with serving(store) as port:
        for path in (f"/v1//users/{USER}/", f"//v1/users//{USER}", f"/V1/Users/{USER}?x=1"):
            assert data_of(await ask(port, path))["discord_status"] == "dnd"


async def test_objects_that_no_gateway_has_written(store: Store) -> None:
    """A 503 until the gateway writes the user again, and no crash."""
    await store.save([SAVE])
    await store.redis.hset(keys.presence(USER), "discord", "[1")
    async with serving(store) as port:
        answer = await ask(port, f"/v1/users/{USER}")
    assert (answer.status, code_of(answer)) == (503, "unavailable")


async def test_the_owner_of_the_key(store: Store) -> None:
    """`@me` is the user whose key it is; a key without a monitored user is 404."""
    await store.save([SAVE])
    keys_of = ApiKeys(store)
    mine, strange = await keys_of.create(USER), await keys_of.create(STRANGER)
    async with serving(store) as port:
        path = "/v1/users/@me"
        answer = await ask(port, path, f"Authorization: {mine}")
        assert data_of(answer) == PRESENCE
        assert answer.header("vary") == "Authorization"
        assert (await ask(port, path, f"Authorization: {strange}")).status == 404
        for headers in (
            [],
            ["Authorization:"],
            ["Authorization: x"],
            [f"Authorization: Bearer {mine}"],
        ):
            refused = await ask(port, path, *headers)
            assert (refused.status, code_of(refused)) == (401, "no_permission")
        await keys_of.delete(USER)
        assert (await ask(port, path, f"Authorization: {mine}")).status == 401


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("png", "png"), ("webp", "webp"), ("jpg", "jpg"), ("jpeg", "jpeg"), ("gif", "jpg")],
)
async def test_quick_links(store: Store, kind: str, shown: str) -> None:
    """A redirect to the avatar; a default one exists as PNG alone."""
    async with serving(store) as port:
        answer = await ask(port, f"/{USER}.{kind}")
        default = await ask(port, f"/{BOT.user_id}.{kind}")
    avatar = f"https://cdn.discordapp.com/avatars/{USER}/6c9747063de19030c95daa80c1ca61c7"
    assert (answer.status, answer.header("location")) == (302, f"{avatar}.{shown}?size=1024")
    assert answer.header("access-control-allow-origin") == "*"
    assert default.header("location") == "https://cdn.discordapp.com/embed/avatars/1.png"


async def test_quick_links_to_nobody(store: Store) -> None:
    async with serving(store) as port:
        for path in (f"/{STRANGER}.png", "/abc.jpg"):
            answer = await ask(port, path)
            assert (answer.status, code_of(answer)) == (404, "user_not_monitored")
        for path in ("/a.b.png", "/PNG", f"/{USER}.bmp"):
            answer = await ask(port, path)
            assert (answer.status, code_of(answer)) == (404, "not_found")
        preview = await ask(port, "/preview.png")
        assert preview.header("content-type") == "image/png"


async def test_the_invitation(store: Store) -> None:
    """Without one there is no such route."""
    async with serving(store, discord_invite="https://discord.gg/abc") as port:
        answer = await ask(port, "/discord")
        assert (answer.status, answer.header("location")) == (302, "https://discord.gg/abc")
    async with serving(store) as port:
        answer = await ask(port, "/discord")
        assert (answer.status, code_of(answer)) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [f"/v1/users/{USER}/kv/a", "/v1/users/@me/kv", "/v1/nowhere"])
async def test_preflight_of_a_write(store: Store, method: str, path: str) -> None:
    """Any page may write, with a key in `authorization`."""
    async with serving(store) as port:
        answer = await ask(
            port,
            path,
            "Origin: https://example.org",
            f"Access-Control-Request-Method: {method}",
            "Access-Control-Request-Headers: authorization, content-type",
            method="OPTIONS",
        )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == "*"
    assert method in (answer.header("access-control-allow-methods") or "").split(", ")
    own = {"/kv/a": "PUT, DELETE, OPTIONS", "@me/kv": "PATCH, OPTIONS"}
    named = next((found for end, found in own.items() if path.endswith(end)), None)
    assert answer.header("allow") == (named or "GET, HEAD, OPTIONS")
    allowed = (answer.header("access-control-allow-headers") or "").lower().split(", ")
    assert {"authorization", "content-type", "*"} == set(allowed)


async def test_other_methods(store: Store) -> None:
    """405 with those that the route has."""
    cases = {
        ("GET", f"/v1/users/{USER}/kv/a"): "PUT, DELETE, OPTIONS",
        ("GET", f"/v1/users/{USER}/kv"): "PATCH, OPTIONS",
        ("PATCH", f"/v1/users/{USER}/kv/a"): "PUT, DELETE, OPTIONS",
        ("POST", f"/v1/users/{USER}"): "GET, HEAD, OPTIONS",
    }
    async with serving(store) as port:
        for (method, path), allowed in cases.items():
            answer = await ask(port, path, method=method)
            assert (answer.status, code_of(answer)) == (405, "method_not_allowed")
            assert answer.header("allow") == allowed


@pytest.mark.parametrize("path", ["/socket", "/socket/", "/socket?compression=zlib_json"])
async def test_a_socket_without_a_handshake(store: Store, path: str) -> None:
    """Lanyard's code for it: monitors of sites compare it."""
    async with serving(store) as port:
        answer = await ask(port, path)
        assert (answer.status, code_of(answer)) == (400, "upgrade_failed")
        assert (await ask(port, path, method="HEAD")).status == 400
        assert (await ask(port, path, method="POST")).status == 405
