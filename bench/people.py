"""Made-up users in Redis, with presences as large as real ones."""

from __future__ import annotations

import time

import msgspec

from shared.discord.cdn import Cdn
from shared.model.snapshot import (
    Activity,
    Badge,
    Clan,
    Listening,
    Presence,
    Profile,
    Spotify,
    Timestamps,
)
from shared.redis import keys
from shared.redis.store import Fields, Save, Store

FIRST = 500_000_000_000_000_000
GUILD = 400_000_000_000_000_000
BATCH = 500
_CDN = Cdn()


def profile(user_id: int) -> bytes:
    """About 1 KB, as most are."""
    icon = "6bdc42827a38498929a4920da12695d9"
    return msgspec.json.encode(
        Profile(
            bot=False,
            device="desktop",
            id=str(user_id),
            creation_date="2024-08-16T23:38:04.891Z",
            username="grwx",
            display_name="Audibert",
            link=f"https://discord.com/users/{user_id}",
            avatar=icon,
            avatar_image=_CDN.avatar(user_id, icon, None),
            avatar_decoration_image=None,
            nameplate_image=_CDN.nameplate("nameplates/nameplates/twilight/"),
            badges=[Badge("active_developer", "Active Developer", icon, _CDN.badge(icon))],
            clan=Clan("CODE", str(GUILD), icon, _CDN.clan(str(GUILD), icon)),
            connected_accounts=[],
            devices={"desktop": "online"},
            public_flags=1 << 22,
        )
    )


def presence(change: int) -> bytes:
    """A song and an editor; a frame of it has 1.1 KB (docs/api.md shows one like it).

    `change` makes it differ from the one before, at the same size.
    """
    spotify = Spotify(
        song=f"90mph {change % 10**6:06}",
        artist="JBEE, Sillage",
        album="90mph",
        album_image="https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",
        link="https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",
        timestamps=Timestamps(1750873861045, 1750874008612),
        created_at=1750873861499,
        track_id="6uT2TsDrCrXue7ROEfNeGN",
    )
    return msgspec.json.encode(
        Presence(
            status="online",
            spotify=spotify,
            activity=[
                Activity(
                    type="Playing",
                    name="Code",
                    state="Workspace: audibert",
                    details="Editing README.md",
                    largeText=None,
                    largeImage=None,
                    smallText=None,
                    smallImage=None,
                    timestamps=Timestamps(1750865485922),
                    created_at=1750873791410,
                    application_id="383226320970055681",
                    url=None,
                    buttons=[],
                    party=None,
                )
            ],
            custom_status=None,
            listening=Listening(
                app=spotify.name,
                application_id=None,
                song=spotify.song,
                artist=spotify.artist,
                album=spotify.album,
                album_image=spotify.album_image,
                link=spotify.link,
                timestamps=spotify.timestamps,
                created_at=spotify.created_at,
            ),
        )
    )


def fields(user_id: int, change: int) -> Fields:
    return Fields(profile(user_id), presence(change), discord(user_id, change))


def discord(user_id: int, change: int) -> bytes:
    """The same state in Discord's objects, as the gateway saves it for Lanyard's dialect."""
    icon = "6bdc42827a38498929a4920da12695d9"
    song = {
        "id": "spotify:1",
        "name": "Spotify",
        "type": 2,
        "flags": 48,
        "details": f"90mph {change % 10**6:06}",
        "state": "JBEE; Sillage",
        "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
        "party": {"id": f"spotify:{user_id}"},
        "assets": {"large_image": "spotify:ab67616d0000b2737aee7c56bd63016a79ddc9d1"},
        "timestamps": {"start": 1750873861045, "end": 1750874008612},
        "created_at": 1750873861499,
    }
    code = {
        "id": "5d44176e3524575c",
        "name": "Code",
        "type": 0,
        "state": "Workspace: audibert",
        "details": "Editing README.md",
        "application_id": "383226320970055681",
        "timestamps": {"start": 1750865485922},
        "created_at": 1750873791410,
    }
    user = {"id": str(user_id), "username": "grwx", "global_name": "Audibert", "avatar": icon}
    return msgspec.json.encode(
        {
            "user": user,
            "status": "online",
            "client_status": {"desktop": "online"},
            "activities": [song, code],
        }
    )


async def change_discord(store: Store, user_id: int, number: int) -> None:
    """One real presence_update of this user, with Discord's objects."""
    whole = Fields(profile(user_id), presence(number), discord(user_id, number))
    await store.save([Save(user_id, whole, joined=(GUILD,))])


async def admit(store: Store, count: int, first: int = FIRST) -> None:
    """The users `first`, `first` + 1 … are monitored and readable, as after their first read: each
    has a copy of an empty key-value store."""
    for start in range(first, first + count, BATCH):
        ids = range(start, min(start + BATCH, first + count))
        await store.save([Save(user, fields(user, 0), joined=(GUILD,)) for user in ids])
        pipe = store.redis.pipeline(transaction=False)
        for user in ids:
            pipe.hset(keys.presence(user), "kv", "{}")
        await pipe.execute()


async def change_all(store: Store, count: int, number: int) -> None:
    """The users from FIRST on have changed, and no client has read them since."""
    for start in range(FIRST, FIRST + count, BATCH):
        ids = range(start, min(start + BATCH, FIRST + count))
        await store.save([Save(user, fields(user, number + 1)) for user in ids])


async def change(store: Store, user_id: int, number: int) -> None:
    """One real presence_update of this user."""
    received = time.time_ns() // 1000
    await store.save([Save(user_id, fields(user_id, number), received=received)])
