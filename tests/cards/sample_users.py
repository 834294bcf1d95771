"""Users to draw, and images that are the same bytes on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.cards.render_jobs import CardImage
from shared.model.history import KeptSong, LastPlayed
from shared.model.snapshot import (
    Activity,
    Badge,
    Clan,
    CustomStatus,
    Emoji,
    Listening,
    Presence,
    Profile,
    Spotify,
    Timestamps,
)
from simulator.png import Colour, png

NOW: Final = 1_750_000_000_000
CDN: Final = "https://cdn.discordapp.com"

AUDIBERT: Final = Profile(
    bot=False,
    device="desktop",
    id="1274150219482660897",
    creation_date="2024-08-16T23:38:04.891Z",
    username="grwx",
    display_name="Audibert",
    link="https://discord.com/users/1274150219482660897",
    avatar="6c9747063de19030c95daa80c1ca61c7",
    avatar_image=f"{CDN}/avatars/1274150219482660897/6c9747063de19030c95daa80c1ca61c7.png?size=1024",
    avatar_decoration_image=f"{CDN}/avatar-decoration-presets/a_e4b06ce60741c7a87ce42c8218072e8c.png",
    nameplate_image=f"{CDN}/assets/collectibles/nameplates/night/lantern/static.png",
    badges=[Badge(f"b{n}", f"Badge {n}", "x", f"{CDN}/badge-icons/{n}.png") for n in range(4)],
    clan=Clan("CODE", "1112920281367973900", "b8", f"{CDN}/clan-badges/1112920281367973900/b8.png"),
    connected_accounts=[],
    devices={"desktop": "online"},
    public_flags=0,
)
EDITOR: Final = Activity(
    type="Playing",
    name="Visual Studio Code",
    state="Workspace: audibert",
    details="Editing README.md",
    largeText="Editing a MARKDOWN file",
    largeImage=f"{CDN}/app-assets/383226320970055681/1359299128655347824.png",
    smallText="Visual Studio Code",
    smallImage=f"{CDN}/app-assets/383226320970055681/1359299466493956258.png",
    timestamps=Timestamps(start=NOW - 4_375_000),
    created_at=NOW,
    application_id="383226320970055681",
    url=None,
    buttons=[],
    party=None,
)
SONG: Final = Spotify(
    song="夜の図書館",
    artist="水色ラジオ",
    album="Night Library",
    album_image="https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",
    link=None,
    timestamps=Timestamps(start=NOW - 83_000, end=NOW + 173_000),
    created_at=NOW,
    track_id="6uT2TsDrCrXue7ROEfNeGN",
)
TIDAL_SONG: Final = Listening(
    app="TIDAL",
    application_id="833617820704440341",
    song="Harvest Moon",
    artist="The Quiet Motors, Ola Fenn",
    album="Polar Season",
    album_image="https://media.discordapp.net/external/abc/https/covers.example.net/1.jpg",
    link=None,
    timestamps=Timestamps(start=NOW - 83_000, end=NOW + 173_000),
    created_at=NOW,
)
KEPT: Final = KeptSong(
    song=LastPlayed(**msgspec.structs.asdict(TIDAL_SONG), ended_at=NOW - 60_000), until=NOW + 1
)
FIRE: Final = Emoji("🔥", None, False, None)
AT_WORK: Final = Presence(
    status="online",
    spotify=None,
    activity=[EDITOR],
    custom_status=CustomStatus("shipping on a friday", FIRE),
)
LISTENING: Final = msgspec.structs.replace(
    AT_WORK,
    activity=[],
    spotify=SONG,
    listening=msgspec.structs.replace(
        TIDAL_SONG,
        app="Spotify",
        application_id=None,
        song=SONG.song,
        artist=SONG.artist,
        album=SONG.album,
        album_image=SONG.album_image,
    ),
)
ON_TIDAL: Final = msgspec.structs.replace(
    AT_WORK,
    activity=[
        msgspec.structs.replace(
            EDITOR,
            type="Listening",
            name="TIDAL",
            details="Listening to Harvest Moon",
            state=TIDAL_SONG.artist,
            largeText=TIDAL_SONG.album,
            largeImage=TIDAL_SONG.album_image,
            smallText=None,
            smallImage=None,
            timestamps=TIDAL_SONG.timestamps,
            application_id=TIDAL_SONG.application_id,
        )
    ],
    listening=TIDAL_SONG,
)
NOTHING: Final = Presence(status="invisible", spotify=None, activity=[], custom_status=None)


def like(thing: Any, **changes: Any) -> Any:
    """The same struct with these fields changed."""
    return msgspec.structs.replace(thing, **changes)


def drawn(width: int, height: int, palette: list[Colour], at: Callable[[float, float], int]) -> Any:
    """An image: `at` gives the palette index for x and y between 0 and 1."""
    rows = [
        bytes(at((x + 0.5) / width, (y + 0.5) / height) for x in range(width))
        for y in range(height)
    ]
    tone = "#" + "".join(f"{part:02x}" for part in palette[1][:3])
    return CardImage("image/png", png(rows, palette), width, height, tone)


_CLEAR: Final[Colour] = (0, 0, 0, 0)


def _ring(x: float, y: float) -> int:
    far = math.hypot(x - 0.5, y - 0.5)
    return (1 if math.sin(math.atan2(y - 0.5, x - 0.5) * 12) > 0 else 2) if 0.42 < far < 0.49 else 0


def _shield(x: float, y: float) -> int:
    inside = y < 0.92 - abs(x - 0.5) * 0.9 and 0.1 < x < 0.9 and y > 0.06
    return (2 if math.hypot(x - 0.5, y - 0.45) < 0.17 else 1) if inside else 0


def _waves(x: float, y: float) -> int:
    return 1 + int((math.sin(x * 7 + math.sin(y * 9) * 1.4) + 1) * 1.99)


SEA: Final[list[Colour]] = [_CLEAR, (38, 70, 130, 255), (58, 120, 180, 255), (120, 190, 200, 255),
                            (240, 220, 170, 255)]  # fmt: skip
DUSK: Final[list[Colour]] = [_CLEAR, (120, 40, 110, 255), (200, 70, 100, 255), (245, 140, 90, 255),
                             (250, 210, 120, 255)]  # fmt: skip
GOLD: Final[list[Colour]] = [_CLEAR, (250, 190, 60, 255), (255, 225, 130, 255)]

IMAGES: Final[dict[str, CardImage]] = {
    "avatar": drawn(80, 80, SEA, _waves),
    "decoration": drawn(96, 96, GOLD, _ring),
    "banner": drawn(240, 60, SEA, lambda x, y: _waves(x * 2, y + 0.3)),
    "nameplate": drawn(120, 24, DUSK, _waves),
    "art": drawn(88, 88, DUSK, lambda x, y: _waves(y, x)),
    "small": drawn(28, 28, SEA, lambda x, y: _waves(y, x)),
    "tag": drawn(16, 16, GOLD, _shield),
    **{
        f"badge{n}": drawn(20, 20, [_CLEAR, color, (255, 255, 255, 255)], _shield)
        for n, color in enumerate(
            ((88, 101, 242, 255), (35, 165, 90, 255), (244, 123, 103, 255), (235, 69, 158, 255))
        )
    },
}
