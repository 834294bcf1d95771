"""What the simulated people can play, hear and say. All of it is made up.

Only the two console applications carry Discord's real, generic ids (resources/presence).
"""

from hashlib import md5
from typing import Final, NamedTuple


class Song(NamedTuple):
    """A track; ``artists`` in Spotify's order."""

    title: str
    artists: tuple[str, ...]
    album: str
    seconds: int

    @property
    def track_id(self) -> str:
        """22 characters, as Spotify's ids have."""
        return "sim" + md5(self.title.encode(), usedforsecurity=False).hexdigest()[:19]

    @property
    def cover(self) -> str:
        """The key of the album picture, 40 hex digits with Spotify's usual beginning."""
        return "ab67616d0000b273" + md5(self.album.encode(), usedforsecurity=False).hexdigest()[:24]


class Game(NamedTuple):
    """An application that shows up as an activity of type ``kind``."""

    application_id: str
    name: str
    kind: int = 0
    details: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    large: str | None = None
    large_text: str | None = None
    small: str | None = None
    small_text: str | None = None
    party: int = 0
    has_icon: bool = True
    platform: str | None = None
    buttons: tuple[str, ...] = ()
    application: str | None = None
    """The application's own name, where it is not the game's (consoles)."""


SONGS: Final = (
    Song("Paper Lanterns", ("Juniper Vale",), "Small Hours", 187),
    Song("Static Garden", ("The Quiet Motors", "Ola Fenn"), "Static Garden", 214),
    Song("Ninety Below", ("Harbour Choir",), "Polar Season", 242),
    Song("Salt & Neon", ("Mira Okonde", "DJ Pelican", "Sleepwalk Club"), "Boardwalk", 176),
    Song("Marigold Engine", ("Tin Orchard",), "Works on Paper", 231),
    Song("Zwölf Uhr Nacht", ("Kleinstadtlicht",), "Randbezirk", 198),
    Song("夜の図書館", ("水色ラジオ",), "夜の図書館", 256),
    Song("Cometa de Papel", ("Brisa do Norte", "Lua Cheia"), "Quintal", 203),
    Song("Slow Elevator", ("Avenue Nine",), "Lobby Music", 149),
    Song("The Cartographer's Daughter", ("Wren & Alder",), "Maps of Rain", 305),
    Song("404 (Not Found)", ("Null Pointer",), "Stack Traces", 164),
    Song("Copper Moon; Silver Sea", ("Isle of Glass",), "Tides", 277),
)

ARENA: Final = Game(
    "764429562019840003",
    "Starfall Arena",
    details=("Ranked Duos: 2-1", "Ranked Duos: 0-0", "Casual Squads", "Training Range"),
    states=("In a Match", "In the Lobby", "Choosing a Hero"),
    large="1232994765373440001",
    large_text="Crystal Caves",
    small="1232995017031680002",
    small_text="Gold III",
    party=4,
)

EDITOR: Final = Game(
    "883226320970055681",
    "Quill Editor",
    details=("Editing worker.py", "Editing models.py", "Editing test_worker.py"),
    states=("Workspace: garden", "Workspace: notes", "2 problems found"),
    large="mp:external/rqJdUc_gEj_38ku0G14If-M0XfkyY0CSaGfaWRAydOU/https/"
    "cdn.example.net/icons/python.png",
    large_text="Editing a PYTHON file",
    small="1359299466493956258",
    small_text="Quill Editor",
    buttons=("View Repository",),
)

GAMES: Final = (
    ARENA,
    EDITOR,
    Game(
        "938252894732288009",
        "Moss Kingdom",
        details=("Day 12, Spring", "Day 3, Autumn", "Year 2, Winter"),
        states=("Tending the garden", "Fishing", "Exploring the mines"),
        large="1232994765373440103",
        large_text="Fernhollow",
    ),
    Game("871920384756108321", "Rally Nine", details=("Stage 4: Pine Ridge", "Time Trial")),
    Game("902837465019283746", "Deep Signal", has_icon=False),
    Game(
        "947362518290374651",
        "Lanternlight Chess",
        5,
        details=("Blitz Open, round 5",),
        states=("Thinking",),
        large="1232994765373440205",
    ),
    Game(
        "918273645546372819",
        "Harbour TV",
        3,
        details=("The Lighthouse Keepers", "Tram Line 7", "Bread & Thunder"),
        states=("Season 1, Episode 4", "Season 3, Episode 1"),
        large="mp:external/9dd6594e81b349f6a6b5a679e6a060d3aabbccdd/https/"
        "posters.example.net/show.png",
    ),
    Game(
        "1008890872156405890",
        "Astro Courier",
        platform="ps5",
        application="PlayStation",
    ),
    Game("622174530214821906", "Velvet Speedway", platform="xbox", application="Xbox"),
)

STREAMS: Final = (
    ("sim_robin_live", "Building a tiny operating system", "Software and Game Development"),
    ("sim_late_show", "Cosy farming until midnight", "Moss Kingdom"),
    ("sim_rally", "World record attempts", "Rally Nine"),
)

CUSTOM_STATUSES: Final[tuple[tuple[str | None, str | None], ...]] = (
    ("brb, tea", "🍵"),
    ("shipping on a friday", "🔥"),
    ("reading", "📚"),
    (None, "🌙"),
    ("do not feed the compiler", None),
    ("estudando 📐", None),
    ("散歩中", "🐕"),
    ("out of office until monday", "🏝️"),
    ("listening to rain", "🌧️"),
    ("gym then dinner then raid", "💪"),
)

CUSTOM_EMOJIS: Final = (
    ("blobwave", "1101234567890123521", True),
    ("pixelheart", "1101234567890123777", False),
)

FIRST_NAMES: Final = (
    "Ada", "Bruno", "Chidi", "Dana", "Elif", "Femi", "Gus", "Hana", "Ines", "Jonas", "Kaya",
    "Leo", "Mina", "Noor", "Otto", "Pia", "Quinn", "Rosa", "Sami", "Tove", "Uma", "Vito",
    "Wanda", "Xenia", "Yuki", "Zoe",
)  # fmt: skip

NOUNS: Final = (
    "otter", "lantern", "comet", "maple", "pixel", "tundra", "walnut", "ember", "falcon",
    "marble", "nebula", "pepper", "quartz", "river", "saffron", "thistle", "violet", "willow",
    "anchor", "biscuit", "cactus", "dune", "echo", "fjord",
)  # fmt: skip

GUILD_NAMES: Final = (
    "Lantern Street", "The Quiet Motors Fan Club", "Moss Kingdom EU", "Night Readers",
    "Quill Editor Users", "Harbour Cinema", "Rally Nine League", "Study Hall", "Tea & Types",
)  # fmt: skip

TAGS: Final = ("LAMP", "MOSS", "TEA", "QUIL", "9TH", "NITE")
PALETTES: Final = ("crimson", "sky", "teal", "forest", "violet", "cobalt", "lemon", "white")
NAMEPLATES: Final = ("nameplates/garden/fern/", "nameplates/night/lantern/", "nameplates/sea/kelp/")
