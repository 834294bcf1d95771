"""lanyard-profile-readme, pointed at this server: its requests, replayed.

It is no package that could be installed here. `pictures_of` reads what its template reads, in the
same way: a key that is missing is an error there too.
"""

from __future__ import annotations

from typing import Any

import aiohttp

from testing.eventually import eventually_async
from tests.e2e.stack import ROBIN, running

CDN = "https://cdn.discordapp.com"
GAME = {
    "id": "1",
    "name": "A Game",
    "type": 0,
    "created_at": 1,
    "application_id": "383226320970055681",
    "details": "In the menu",
    "state": "Alone",
    "timestamps": {"start": 1},
    "assets": {"large_image": "1359299128655347824", "large_text": "Large"},
}
CUSTOM = {"id": "custom", "name": "Custom Status", "type": 4, "state": "hi", "created_at": 1}
SPOTIFY = {
    "id": "spotify:1",
    "name": "Spotify",
    "type": 2,
    "created_at": 1,
    "details": "A Song",
    "state": "One; Two",
    "sync_id": "4cOdK2wGLETKBW3PvgPWqT",
    "assets": {"large_image": "spotify:ab67616d00001e02", "large_text": "An Album"},
    "timestamps": {"start": 1, "end": 2},
    "party": {"id": f"spotify:{ROBIN}"},
}


def pictures_of(data: dict[str, Any]) -> list[str]:
    """The pictures that the card has, of Discord's CDN."""
    user, found = data["discord_user"], []
    moving = "gif" if (user["avatar"] or "").startswith("a_") else "webp"
    if user["avatar"]:
        found.append(f"{CDN}/avatars/{user['id']}/{user['avatar']}.{moving}?size=256")
    else:
        found.append(f"{CDN}/embed/avatars/{(int(user['id']) >> 22) % 6}.png")
    if decoration := user["avatar_decoration_data"]:
        asset = decoration["asset"]
        found.append(f"{CDN}/avatar-decoration-presets/{asset}.png?size=64&passthrough=true")
    if (tag := user["primary_guild"]) and tag["tag"] and tag["identity_guild_id"] and tag["badge"]:
        found.append(f"{CDN}/clan-badges/{tag['identity_guild_id']}/{tag['badge']}.png?size=16")
    for activity in data["activities"]:
        assets = activity.get("assets", {})
        if activity["type"] == 0 and "large_image" in assets:
            name = f"{activity['application_id']}/{assets['large_image']}"
            found.append(f"{CDN}/app-assets/{name}.webp")
    return found


async def test_the_card_has_all_it_needs() -> None:
    """The status, the custom status in front, a game, the song; and each picture exists."""
    async with running(services=("api", "gateway")) as stack, aiohttp.ClientSession() as http:
        stack.simulator.world.set_presence(
            ROBIN, "dnd", [CUSTOM, SPOTIFY, GAME], {"desktop": "dnd"}
        )

        async def shown() -> dict[str, Any] | None:
            status, body = await stack.get(f"/v1/users/{ROBIN}")
            playing = status == 200 and body["data"]["discord_status"] == "dnd"
            return body["data"] if playing else None

        data = await eventually_async(shown)
        assert data is not None
        assert data["discord_user"]["username"] == "robin"
        assert data["discord_user"]["discriminator"] == "0"
        assert isinstance(data["discord_user"]["public_flags"], int)
        first, *_, last = data["activities"]
        assert (first["type"], first["state"]) == (4, "hi")
        assert (last["name"], last["timestamps"]["start"]) == ("A Game", 1)
        assert data["listening_to_spotify"] is True
        song = data["spotify"]
        assert (song["song"], song["artist"]) == ("A Song", "One; Two")
        assert song["album_art_url"] == "https://i.scdn.co/image/ab67616d00001e02"
        assert song["timestamps"] == {"start": 1, "end": 2}
        pictures = pictures_of(data)
        assert len(pictures) >= 3
        for picture in pictures:
            async with http.get(picture.replace(CDN, stack.simulator.cdn_url)) as answer:
                assert answer.status == 200, picture
                assert answer.content_type.startswith("image/")
