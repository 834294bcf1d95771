"""The profile page behind a person: what a bot cannot see, for Grux' PROFILE_UPSTREAM_URL.

The shape is that of ``GET /users/:id/profile`` (user accounts only in the real Discord); the
content is drawn from the person's id, so that it is the same in every run.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from simulator.badges import FLAG_BADGES, NITRO_BADGES, OTHER_BADGES, Badge
from simulator.faults import Faults
from simulator.model import Json, Person
from simulator.people import FIRST_PERSON
from simulator.problems import plain
from simulator.rest import user_object
from simulator.rest_middleware import meet_fault
from simulator.world import World

_BIOS: Final = (
    "",
    "I fix things that were not broken.",
    "tea, trains, type systems ☕",
    "Moss Kingdom, year 14.\nhttps://example.org",
    "🌱 growing tomatoes on a balcony",
)
_PRONOUNS: Final = ("", "", "she/her", "he/him", "they/them")
# Account types with an id or a name that a link can be made of, and one that has no link.
_ACCOUNTS: Final = ("github", "steam", "spotify", "twitch", "youtube", "reddit", "epicgames")
_WITH_ACCOUNTS: Final = 0.6
_WITH_NITRO: Final = 0.3
_PRIVATE: Final = 0.03


class Profiles:
    """``GET /profiles/{user_id}``."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """One route."""
        return [web.get("/profiles/{user_id}", self.profile)]

    async def profile(self, request: web.Request) -> web.Response:
        spoiled = await meet_fault(self._faults, request.path)
        if spoiled is not None:
            return spoiled
        person = self._world.people.get(request.match_info["user_id"])
        if person is None:
            return plain(404).response()
        return web.json_response(profile_of(person))


def profile_of(person: Person) -> Json:
    """A profile; for one person always the same as long as the user object is."""
    user = person.user
    rng = random.Random(user.id)
    private = rng.random() < _PRIVATE
    bio = "" if private else rng.choice(_BIOS)
    pronouns = "" if private else rng.choice(_PRONOUNS)
    is_person = user.bot is not True
    nitro = is_person and not private and rng.random() < _WITH_NITRO
    since = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(1800))
    badges = [] if private else _badges(rng, person, nitro=nitro)
    colours = [rng.getrandbits(24), rng.getrandbits(24)] if nitro else None
    accounts = _accounts(rng, user.username) if is_person and not private else []
    if user.id == FIRST_PERSON:
        accounts = []  # so that a demo shows those that he chooses when he has signed in
    answer: Json = {
        "user": {**user_object(user), "bio": bio},
        "connected_accounts": accounts,
        "premium_since": since.isoformat() if nitro else None,
        "premium_type": 2 if nitro else None,
        "premium_guild_since": None,
        "mutual_guilds": [{"id": guild_id, "nick": None} for guild_id in person.guilds],
        "user_profile": {
            "bio": bio,
            "accent_color": user.accent_color,
            "pronouns": pronouns,
            "banner": user.banner,
            "theme_colors": colours,
            "popout_animation_particle_type": None,
            "emoji": None,
            "profile_effect": None,
        },
        "badges": badges,
        "guild_badges": [],
        "widgets": [],
        "legacy_username": None,
    }
    if private:
        answer["private"] = True
    return answer


def _badges(rng: random.Random, person: Person, *, nitro: bool) -> list[Json]:
    earned = [b for bit, b in FLAG_BADGES.items() if person.user.public_flags >> bit & 1]
    if nitro:
        earned.append(rng.choice(NITRO_BADGES))
    if person.user.bot is not True:
        earned += [badge for badge in OTHER_BADGES if rng.random() < _WITH_NITRO]
    return [_badge(badge) for badge in earned]


def _badge(badge: Badge) -> Json:
    answer = {"id": badge.id, "description": badge.description, "icon": badge.icon}
    return answer if badge.link is None else {**answer, "link": badge.link}


def _accounts(rng: random.Random, username: str) -> list[Json]:
    if rng.random() > _WITH_ACCOUNTS:
        return []
    kinds = rng.sample(_ACCOUNTS, rng.randint(1, 4))
    return [
        {
            "type": kind,
            "id": str(76561190000000000 + rng.getrandbits(30)),
            "name": username,
            "verified": rng.random() < 0.9,
        }
        for kind in kinds
    ]
