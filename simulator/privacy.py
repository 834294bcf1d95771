"""What each guild is shown of a user's presence.

Source: events/gateway-events, "Presence Update" (profile privacy), and the user settings
``activity_restricted_guild_ids`` and ``default_guilds_activity_restricted``. Status and devices
are the same in every guild.
"""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct, field

from simulator.model import CUSTOM_STATUS, Guild, Json, Person, Presence

ProfilePrivacy = Literal["everyone", "friends_and_small_servers", "friends"]
RestrictionDefault = Literal["off", "on_for_large_guilds", "on"]

SMALL_GUILD_MEMBERS: Final = 200
"""A guild with more members is a large one."""


class Privacy(Struct, kw_only=True):
    """One user's settings."""

    profile: ProfilePrivacy = "everyone"
    """Who sees the profile. A bot sees the custom status where everyone would."""
    restriction_default: RestrictionDefault = "off"
    """Whether activities are hidden in guilds that the user joins from now on."""
    restricted_guilds: set[str] = field(default_factory=set)
    """The guilds in which all activities but the custom status are hidden."""

    def joined(self, guild: Guild) -> None:
        """Apply the default to a guild that the user has just joined."""
        default = self.restriction_default
        if default == "on" or (default == "on_for_large_guilds" and is_large(guild)):
            self.restricted_guilds.add(guild.id)


def is_large(guild: Guild) -> bool:
    """Whether "small servers" in the settings does not mean this guild."""
    return len(guild.members) > SMALL_GUILD_MEMBERS


def hidden_in(privacy: Privacy, guild: Guild) -> tuple[bool, bool]:
    """Whether the custom status, and whether all other activities are hidden in this guild."""
    hides_custom = privacy.profile == "friends" or (
        privacy.profile == "friends_and_small_servers" and is_large(guild)
    )
    return hides_custom, guild.id in privacy.restricted_guilds


def presence_in(person: Person, privacy: Privacy, guild: Guild) -> Presence:
    """The presence that is dispatched to this guild."""
    whole = person.presence
    hides_custom, hides_rest = hidden_in(privacy, guild)
    if not whole.activities or not (hides_custom or hides_rest):
        return whole
    shown = [
        activity
        for activity in whole.activities
        if not (hides_custom if activity.get("type") == CUSTOM_STATUS else hides_rest)
    ]
    return Presence(whole.status, shown, whole.client_status)


def presence_in_any(person: Person, privacy: Privacy, guilds: Iterable[Guild]) -> Presence:
    """What at least one of these guilds is shown."""
    seen = [presence_in(person, privacy, guild).activities for guild in guilds]
    shown: list[Json] = [
        activity
        for activity in person.presence.activities
        if any(activity in activities for activities in seen)
    ]
    return Presence(person.presence.status, shown, person.presence.client_status)
