"""The things a Discord consists of, as far as presence needs them.

Field names, order and nullability are Discord's own, so that encoding a struct gives
Discord's JSON. Ids are strings; times in activities are Unix ms, elsewhere ISO 8601.
"""

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType, field

Json = dict[str, Any]

CUSTOM_STATUS: Final = 4
"""The type of the activity that is a custom status."""


class User(Struct, kw_only=True, gc=False):
    """A user as ``GET /users/:id`` shows it to a bot, undocumented keys included."""

    id: str
    username: str
    avatar: str | None = None
    discriminator: str = "0"
    public_flags: int = 0
    flags: int = 0
    banner: str | None = None
    accent_color: int | None = None
    global_name: str | None = None
    avatar_decoration_data: Json | None = None
    collectibles: Json | None = None
    display_name_styles: Json | None = None
    banner_color: str | None = None
    clan: Json | None = None
    primary_guild: Json | None = None
    bot: bool | UnsetType = UNSET


class Presence(Struct, gc=False):
    """A user's presence. What a guild is shown of it: simulator/privacy.py."""

    status: str
    activities: list[Json]
    client_status: dict[str, str]


class Person(Struct, gc=False):
    """A user with an account, whether or not they are in a guild."""

    user: User
    presence: Presence
    guilds: list[str]


class Member(Struct, kw_only=True, gc=False):
    """What a guild knows of a person besides the user object."""

    roles: list[str] = field(default_factory=list)
    nick: str | None = None
    avatar: str | None = None
    banner: str | None = None
    joined_at: str = "2024-06-18T21:52:05.463000+00:00"
    premium_since: str | None = None
    pending: bool = False
    flags: int = 0
    deaf: bool = False
    mute: bool = False
    communication_disabled_until: str | None = None
    avatar_decoration_data: Json | None = None
    collectibles: Json | None = None


class Guild(Struct, kw_only=True):
    """A server and its members."""

    id: str
    name: str
    owner_id: str
    joined_at: str
    icon: str | None = None
    available: bool = True
    members: dict[str, Member] = field(default_factory=dict)


def offline() -> Presence:
    """The presence of a user who is offline (or invisible: Discord shows no difference)."""
    return Presence("offline", [], {})
