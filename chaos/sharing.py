"""What simulated people show in which of their guilds: settings in Discord, from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from simulator.privacy import Privacy, ProfilePrivacy, RestrictionDefault

_PROFILES: Final[tuple[ProfilePrivacy, ...]] = (
    *("everyone", "everyone", "everyone"),
    *("friends_and_small_servers", "friends_and_small_servers", "friends"),
)
_DEFAULTS: Final[tuple[RestrictionDefault, ...]] = ("off", "on_for_large_guilds", "on")


def some_sharing(rng: random.Random, guild_ids: Sequence[str]) -> Privacy:
    """Settings of a user in these guilds."""
    return Privacy(
        profile=rng.choice(_PROFILES),
        restriction_default=rng.choice(_DEFAULTS),
        restricted_guilds={one for one in guild_ids if rng.random() < 0.4},
    )


def other_sharing(rng: random.Random, now: Privacy, guild_ids: Sequence[str]) -> Privacy:
    """With one setting changed: they are changed one at a time."""
    chance = rng.random()
    if chance < 0.4:
        others = [one for one in _PROFILES if one != now.profile]
        return replace(now, profile=rng.choice(others))
    if chance < 0.9:
        toggled = {rng.choice(guild_ids)}
        return replace(now, restricted_guilds=now.restricted_guilds ^ toggled)
    others_by_default = [one for one in _DEFAULTS if one != now.restriction_default]
    return replace(now, restriction_default=rng.choice(others_by_default))
