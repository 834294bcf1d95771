"""A seeded population: the same seed gives the same people in the same guilds."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Final

from msgspec import UNSET

from simulator import BOT_ID, activities, catalogue
from simulator.behaviour import some_presence
from simulator.model import Guild, Member, Person, Presence, User, offline
from simulator.privacy import Privacy, ProfilePrivacy, RestrictionDefault
from simulator.snowflakes import regulars_role, snowflake
from simulator.world import World

FIRST_PERSON: Final = "161092844126208001"
FIRST_GUILDS: Final = ("816976062578688017", "492605905305600005")

# Accounts are between 17 digits (early 2015) and 19 digits (2024) old.
_OLDEST_MS: Final = 1_422_500_000_000
_NEWEST_MS: Final = 1_720_000_000_000
_JOINED_FROM: Final = 1_600_000_000
_JOINED_TO: Final = 1_780_000_000

_IN_SEVERAL_GUILDS: Final = 0.10
_BOTS: Final = 0.005
_WITH_AVATAR: Final = 0.8
_WITH_NAME: Final = 0.85
_WITH_EXTRAS: Final = 0.08
_SHOWN: Final = 4  # after the first: the examples on Grux' start page
_WITH_NICK: Final = 0.12
_WITH_ROLE: Final = 0.15
# Of people who hide something: small servers are shown more than large ones.
_PROFILE_PRIVACY: Final[tuple[ProfilePrivacy, ...]] = (
    "everyone",
    "friends_and_small_servers",
    "friends_and_small_servers",
    "friends",
)
_RESTRICTIONS: Final[tuple[RestrictionDefault, ...]] = ("off", "off", "on_for_large_guilds", "on")
_RESTRICTS_ONE: Final = 0.4
# HypeSquad houses, early supporter, active developer.
_FLAGS: Final = (0, 0, 0, 0, 1 << 6, 1 << 7, 1 << 8, 1 << 9, 1 << 22)


def population(
    members: int, guilds: int, seed: int, now_ms: int
) -> tuple[list[Person], list[Guild]]:
    """So many people (and the bot) in so many guilds; activities began around ``now_ms``."""
    rng = random.Random(seed)
    places = [_guild(rng, index) for index in range(guilds)]
    users = list(_people(rng, members, now_ms))
    # Guilds are of very different sizes: the first is the largest, the last the smallest.
    weights = list(accumulate(1 / (index + 1) for index in range(guilds)))
    for person in users:
        homes = 1
        if guilds > 1 and rng.random() < _IN_SEVERAL_GUILDS:
            homes = rng.randint(2, min(4, guilds))
        chosen = set(rng.choices(range(guilds), cum_weights=weights, k=homes))
        while len(chosen) < homes:
            chosen.add(rng.randrange(guilds))
        if person.user.id == FIRST_PERSON:
            chosen.add(0)
        for index in sorted(chosen):
            _join(rng, person, places[index])
    bot = Person(_bot(), offline(), [])
    for place in places:
        place.owner_id = next(iter(place.members), FIRST_PERSON)
        _join(rng, bot, place)
    places[0].owner_id = FIRST_PERSON
    return [bot, *users], places


def _guild(rng: random.Random, index: int) -> Guild:
    guild_id = (
        FIRST_GUILDS[index]
        if index < len(FIRST_GUILDS)
        else snowflake(rng.randrange(_OLDEST_MS, _NEWEST_MS), index)
    )
    name = catalogue.GUILD_NAMES[index % len(catalogue.GUILD_NAMES)]
    if index >= len(catalogue.GUILD_NAMES):
        name = f"{name} {index + 1}"
    return Guild(
        id=guild_id,
        name=name,
        icon=_picture(rng),
        owner_id=FIRST_PERSON,
        joined_at=_moment(rng),
        members={},
    )


def _people(rng: random.Random, members: int, now_ms: int) -> Iterator[Person]:
    robin = User(
        id=FIRST_PERSON,
        username="robin",
        global_name="Robin",
        avatar="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        banner="06c16474723fe537c283b8efa61a30c8",
        public_flags=1 << 8 | 1 << 22,
        flags=1 << 8 | 1 << 22,
        accent_color=0x5865F2,
        banner_color="#5865f2",
        **_extras(rng),
    )
    yield Person(robin, some_presence(rng, FIRST_PERSON, now_ms), [])
    for number in range(1, members):
        user = some_user(rng, number)
        if number <= _SHOWN:
            _dress(user)
        yield Person(user, some_presence(rng, user.id, now_ms), [])


def some_population(members: int, now_ms: int, seed: int) -> list[Person]:
    """More users, in no guild yet. Their ids are made from the current time, so they are unused."""
    rng = random.Random(seed)
    newcomers = []
    for number in range(members):
        user = some_user(rng, number)
        user.id = snowflake(now_ms - number, rng.getrandbits(22))
        user.username = f"{user.username}.{rng.getrandbits(32):x}"[:32]
        newcomers.append(Person(user, some_presence(rng, user.id, now_ms), []))
    return newcomers


def newcomers(count: int, now_ms: int) -> list[Person]:
    """People with an account who are in no guild yet: the same ones in every run.

    They do not change by themselves, so they begin with what can be shown for hours.
    """
    rng = random.Random("newcomers")
    found = []
    for number in range(count):
        user = some_user(rng, number)
        user.id = snowflake(_NEWEST_MS + 1, number)
        name = catalogue.FIRST_NAMES[number % len(catalogue.FIRST_NAMES)]
        user.username = f"new.{name.lower()}{number or ''}"
        user.global_name = f"{name} Newcomer"
        user.discriminator = "0"
        user.public_flags = user.flags = 0
        user.bot = UNSET
        _dress(user)
        shown = [
            activities.custom_status(rng, now_ms),
            activities.playing(rng, catalogue.ARENA, now_ms),
        ]
        found.append(Person(user, Presence("online", shown, {"desktop": "online"}), []))
    return found


def some_user(rng: random.Random, number: int) -> User:
    """A new user. ``number`` makes id and username unique."""
    first = rng.choice(catalogue.FIRST_NAMES)
    noun = rng.choice(catalogue.NOUNS)
    flags = rng.choice(_FLAGS)
    is_bot = rng.random() < _BOTS
    accent = rng.getrandbits(24) if rng.random() < _WITH_EXTRAS else None
    return User(
        # The number in the low bits keeps ids apart that fall in the same millisecond.
        id=snowflake(rng.randrange(_OLDEST_MS, _NEWEST_MS), number),
        username=f"{noun}-bot-{number}" if is_bot else f"{first.lower()}.{noun}{number}",
        discriminator=f"{number % 9999 + 1:04}" if is_bot else "0",
        global_name=None if is_bot or rng.random() > _WITH_NAME else f"{first} {noun.title()}",
        avatar=_picture(rng) if rng.random() < _WITH_AVATAR else None,
        banner=_picture(rng) if rng.random() < _WITH_EXTRAS else None,
        public_flags=1 << 16 if is_bot else flags,
        flags=1 << 16 if is_bot else flags,
        accent_color=accent,
        banner_color=None if accent is None else f"#{accent:06x}",
        bot=True if is_bot else UNSET,
        **(_extras(rng) if rng.random() < _WITH_EXTRAS else {}),
    )


def _dress(user: User) -> None:
    """An avatar, and what people buy: the examples show what a card can look like."""
    rng = random.Random(user.id)
    user.avatar = _picture(rng)
    extras = _extras(rng)
    user.avatar_decoration_data = extras["avatar_decoration_data"]
    user.collectibles = extras["collectibles"]


def _extras(rng: random.Random) -> dict[str, Any]:
    """What people buy or earn: decoration, nameplate, server tag, name style."""
    tag = {
        "identity_guild_id": FIRST_GUILDS[0],
        "identity_enabled": True,
        "tag": rng.choice(catalogue.TAGS),
        "badge": _picture(rng),
    }
    return {
        "avatar_decoration_data": {
            "asset": f"a_{_picture(rng)}",
            "sku_id": "1144058844004233369",
            "expires_at": None,
        },
        "collectibles": {
            "nameplate": {
                "asset": rng.choice(catalogue.NAMEPLATES),
                "sku_id": "1447654091097509950",
                "label": "COLLECTIBLES_SIMULATED_NP_A11Y",
                "palette": rng.choice(catalogue.PALETTES),
                "expires_at": None,
            }
        },
        "display_name_styles": {
            "font_id": rng.randint(1, 12),
            "effect_id": rng.randint(1, 6),
            "colors": [rng.getrandbits(24)],
        },
        "clan": tag,
        "primary_guild": tag,
    }


def _bot() -> User:
    return User(
        id=BOT_ID,
        username="grux",
        discriminator="4821",
        bot=True,
        public_flags=1 << 16,
        flags=1 << 16,
    )


def _join(rng: random.Random, person: Person, guild: Guild) -> None:
    guild.members[person.user.id] = some_member(rng, person.user, guild.id)
    person.guilds.append(guild.id)


def some_member(rng: random.Random, user: User, guild_id: str) -> Member:
    """A guild membership; a few have a nickname or a role."""
    nick = None
    if rng.random() < _WITH_NICK:
        nick = f"{user.global_name or user.username} ✨"
    return Member(
        roles=[regulars_role(guild_id)] if rng.random() < _WITH_ROLE else [],
        nick=nick,
        joined_at=_moment(rng),
    )


def _picture(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _moment(rng: random.Random) -> str:
    seconds = rng.randrange(_JOINED_FROM, _JOINED_TO)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def some_privacy(world: World, share: float, seed: int) -> None:
    """This share of the people hides something in some guilds; the first person hides nothing."""
    rng = random.Random(seed + 2)  # of its own: who the people are does not depend on the share
    for user_id, person in world.people.items():
        if user_id in (BOT_ID, FIRST_PERSON) or rng.random() >= share:
            continue
        privacy = Privacy(
            profile=rng.choice(_PROFILE_PRIVACY), restriction_default=rng.choice(_RESTRICTIONS)
        )
        for guild_id in person.guilds:
            privacy.joined(world.guilds[guild_id])
        if rng.random() < _RESTRICTS_ONE and person.guilds:
            privacy.restricted_guilds.add(rng.choice(person.guilds))
        world.set_privacy(user_id, privacy)
