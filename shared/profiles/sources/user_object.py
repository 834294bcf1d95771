"""Profile extras from a Discord user object. Discord docs: User; Image Formatting.

Objects are not to be trusted: a field of another type than documented counts as missing.
"""

from __future__ import annotations

import re
from typing import Any, Final

from shared.discord.cdn import Cdn, is_hash, is_nameplate
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Clan
from shared.profiles.sources.source import SourceFailed

_ID = re.compile(r"[0-9]{15,20}", re.ASCII)
_MAX_TAG_LENGTH: Final = 16  # Discord allows 4


def checked(user: object, user_id: int) -> dict[str, Any]:
    """`user` itself if it is the user object of `user_id`. Raises SourceFailed.

    Anything else that a server sends with status 200 must not be shown as this user's.
    """
    if not isinstance(user, dict) or str(user.get("id")) != str(user_id):
        raise SourceFailed("its answer is not about the user asked for")
    return user


def extras_of(user: dict[str, Any], user_id: int, cdn: Cdn) -> ProfileExtras:
    """Banner, accent color, nameplate and server tag, as far as the object has them."""
    banner = user.get("banner")
    return ProfileExtras(
        nameplate_image=_nameplate(user.get("collectibles"), cdn),
        clan=_clan(user.get("primary_guild") or user.get("clan"), cdn),
        banner_image=cdn.banner(user_id, banner) if is_hash(banner) else None,
        accent_color=color(user.get("accent_color")),
    )


def color(value: object) -> int | None:
    """An RGB color; black (0) is one, too."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFFFF:
        return value
    return None


def _nameplate(collectibles: object, cdn: Cdn) -> str | None:
    nameplate = collectibles.get("nameplate") if isinstance(collectibles, dict) else None
    asset = nameplate.get("asset") if isinstance(nameplate, dict) else None
    return cdn.nameplate(asset) if is_nameplate(asset) else None


def _clan(guild: object, cdn: Cdn) -> Clan | None:
    """None unless the user shows the tag: `identity_enabled` false and null both hide it."""
    if not isinstance(guild, dict) or guild.get("identity_enabled") is not True:
        return None
    tag, guild_id, badge = guild.get("tag"), guild.get("identity_guild_id"), guild.get("badge")
    if not isinstance(tag, str) or not tag or len(tag) > _MAX_TAG_LENGTH:
        return None
    if not isinstance(guild_id, str) or not _ID.fullmatch(guild_id):
        return None
    known = badge if is_hash(badge) else None
    return Clan(tag, guild_id, known, cdn.clan(guild_id, known) if known else None)
