"""The shapes of the gateway's events: plain functions from the model to ``d``.

Source: events/gateway-events; undocumented keys as seen by bots.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from simulator.model import Guild, Json, Member, Person, Presence, User
from simulator.protocol import Intent
from simulator.snowflakes import regulars_role


class Dispatch:
    """One event, encoded once for every session that gets it; only ``s`` differs."""

    __slots__ = ("body", "name")

    def __init__(self, name: str | None, body: bytes) -> None:
        self.name = msgspec.json.encode(name)
        self.body = body

    def frame(self, seq: int) -> bytes:
        """The whole message of one session."""
        return b'{"t":%b,"s":%d,"op":0,"d":%b}' % (self.name, seq, self.body)


# Which intent lets an event through; what is not listed needs none.
NEEDS: Mapping[str, Intent] = {
    "GUILD_CREATE": Intent.GUILDS,
    "GUILD_DELETE": Intent.GUILDS,
    "GUILD_MEMBER_ADD": Intent.GUILD_MEMBERS,
    "GUILD_MEMBER_UPDATE": Intent.GUILD_MEMBERS,
    "GUILD_MEMBER_REMOVE": Intent.GUILD_MEMBERS,
    "PRESENCE_UPDATE": Intent.GUILD_PRESENCES,
}


def member_user(user: User) -> Json:
    """A user inside a member: no banner and accent colour, but ``display_name``."""
    return {
        "id": user.id,
        "username": user.username,
        "discriminator": user.discriminator,
        "global_name": user.global_name,
        "display_name": user.global_name or user.username,
        "avatar": user.avatar,
        "bot": user.bot is True,
        "public_flags": user.public_flags,
        "primary_guild": user.primary_guild,
        "collectibles": user.collectibles,
        "display_name_styles": user.display_name_styles,
        "avatar_decoration_data": user.avatar_decoration_data,
    }


def own_user(user: User) -> Json:
    """The bot's own user, as READY and USER_UPDATE show it."""
    return {
        **member_user(user),
        "bot": True,
        "flags": user.flags,
        "verified": True,
        "mfa_enabled": True,
        "email": None,
        "clan": user.clan,
    }


def member(user: User, seen: Member) -> Json:
    """A Guild Member object."""
    return {
        "user": member_user(user),
        "roles": seen.roles,
        "nick": seen.nick,
        "avatar": seen.avatar,
        "banner": seen.banner,
        "joined_at": seen.joined_at,
        "premium_since": seen.premium_since,
        "pending": seen.pending,
        "flags": seen.flags,
        "deaf": seen.deaf,
        "mute": seen.mute,
        "communication_disabled_until": seen.communication_disabled_until,
        "avatar_decoration_data": seen.avatar_decoration_data,
        "collectibles": seen.collectibles,
    }


def nested_presence(user_id: str, presence: Presence) -> Json:
    """A presence inside GUILD_CREATE or a chunk: no guild_id, the user is an id."""
    return {
        "user": {"id": user_id},
        "status": presence.status,
        "activities": presence.activities,
        "client_status": presence.client_status,
    }


def presence_update(
    person: Person, presence: Presence, guild_id: str, *, whole_user: bool = False
) -> Json:
    """PRESENCE_UPDATE; the user is an id unless it is the user that changed.

    ``presence``: as this guild is shown it.
    """
    user = member_user(person.user) if whole_user else {"id": person.user.id}
    return {
        "user": user,
        "guild_id": guild_id,
        "status": presence.status,
        "activities": presence.activities,
        "client_status": presence.client_status,
    }


def guild_outline(guild: Guild) -> Json:
    """What REST and the gateway both say of a guild."""
    return {
        "id": guild.id,
        "name": guild.name,
        "icon": guild.icon,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": guild.owner_id,
        "application_id": None,
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 1,
        "roles": [
            _role(guild.id, "@everyone", 0),
            _role(regulars_role(guild.id), "Regulars", 1),
        ],
        "default_message_notifications": 1,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 25_000_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def _role(role_id: str, name: str, position: int) -> Json:
    return {
        "id": role_id,
        "name": name,
        "permissions": "2248473465835073",
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def guild_create(
    guild: Guild,
    members: Iterable[Json],
    presences: Iterable[Json],
    *,
    large: bool,
    joined: bool,
) -> Json:
    """GUILD_CREATE. ``joined``: the bot came in just now, so there is no ``unavailable`` key."""
    return {
        **guild_outline(guild),
        **({} if joined else {"unavailable": False}),
        "large": large,
        "lazy": True,
        "member_count": len(guild.members),
        "joined_at": guild.joined_at,
        "channels": [],
        "threads": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "embedded_activities": [],
        "activity_instances": [],
        "members": list(members),
        "presences": list(presences),
    }


def ready(bot: User, guild_ids: Iterable[str], session_id: str, url: str, shard: list[int]) -> Json:
    """READY: guilds are announced here and described by the GUILD_CREATEs that follow."""
    return {
        "v": 10,
        "user": own_user(bot),
        "guilds": [{"id": guild_id, "unavailable": True} for guild_id in guild_ids],
        "session_id": session_id,
        "session_type": "normal",
        "resume_gateway_url": url,
        "shard": shard,
        "application": {"id": bot.id, "flags": 565248},
        "presences": [],
        "relationships": [],
        "private_channels": [],
        "guild_join_requests": [],
        "geo_ordered_rtc_regions": [],
        "user_settings": {},
        "auth": {},
        "_trace": [],
    }


def rate_limited(retry_after: float, guild_id: str, nonce: str | None) -> Json:
    """RATE_LIMITED, the answer to a whole-list request that comes too soon (seconds)."""
    meta: dict[str, Any] = {"guild_id": guild_id}
    if nonce is not None:
        meta["nonce"] = nonce
    return {"opcode": 8, "retry_after": round(retry_after, 3), "meta": meta}
