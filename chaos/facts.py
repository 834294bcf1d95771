"""What can be seen of a person, in few words: drawn from Discord's side, and from an answer.

The two ways share nothing with the gateway's own, so that its mistakes are not repeated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from simulator.model import Person, Presence, User

_STATUS: Final = {"online", "idle", "dnd"}
_DEVICES: Final = ("desktop", "mobile", "web", "embedded", "vr")
_CUSTOM: Final = 4
_LISTENING: Final = 2


Activity = tuple[str | None, str | None, int | None]
"""Name, details and `created_at`."""


class Seen(Struct, frozen=True):
    """A user's presence. An activity that is changed has a later `created_at` than before."""

    status: str
    song: tuple[str | None, int | None] | None
    activities: tuple[Activity, ...]
    """In the order in which they began: where no guild shows them all, there is no other one."""
    custom: str | None


Names = tuple[str, str]
"""Username and display name."""

Devices = tuple[tuple[str, str], ...]
"""Each device with its status, in alphabetical order."""


class Who(Struct, frozen=True):
    """A user's names and devices."""

    names: Names
    device: str | None
    devices: Devices


NOTHING: Final = Seen("invisible", None, (), None)


def seen_of(presence: Presence) -> Seen:
    """What Grux has to show of this presence."""
    if presence.status not in _STATUS:
        return NOTHING
    songs = [one for one in presence.activities if str(one.get("id")).startswith("spotify:")]
    rest = [one for one in presence.activities if one not in songs]
    custom = [one for one in rest if one["type"] == _CUSTOM]
    return Seen(
        presence.status,
        (songs[0]["details"], songs[0]["created_at"]) if songs else None,
        _in_order(
            (one["name"], one.get("details"), one["created_at"])
            for one in rest
            if one["type"] != _CUSTOM
        ),
        custom[0].get("state") if custom else None,
    )


def _in_order(activities: Iterable[Activity]) -> tuple[Activity, ...]:
    return tuple(sorted(activities, key=lambda one: (one[2] or 0, one[0] or "")))


def without_players(presence: Presence) -> Presence:
    """Without what other players than Spotify report, which hiding `listening` hides too."""
    rest = [
        one
        for one in presence.activities
        if one["type"] != _LISTENING or str(one.get("id")).startswith("spotify:")
    ]
    return Presence(presence.status, rest, presence.client_status)


def who_of(user: User, devices: dict[str, str]) -> Who:
    """The names and devices that Grux has to show."""
    return Who(
        (user.username, user.global_name or user.username),
        next((device for device in _DEVICES if device in devices), None),
        tuple(sorted(devices.items())),
    )


def facts_of(person: Person, shown: Presence) -> tuple[Seen, Who]:
    """`shown`: what at least one of the person's guilds is shown."""
    return seen_of(shown), who_of(person.user, shown.client_status)


def seen_in(d: dict[str, Any]) -> Seen:
    """What an answer or a frame shows. Raises LookupError or TypeError for another shape."""
    song, custom, heard = d["spotify"], d["custom_status"], d["listening"]
    if heard is not None and heard["app"] == "Spotify":  # the only player here
        if song is not None and heard != {key: song.get(key, heard[key]) for key in heard}:
            raise TypeError("listening is not the song of Spotify")
        song = song or heard  # hidden at one place is to be hidden at the other
    return Seen(
        d["status"],
        (song["song"], song["created_at"]) if song else None,
        _in_order((one["name"], one["details"], one["created_at"]) for one in d["activity"]),
        custom["text"] if custom else None,
    )


def who_in(profile: dict[str, Any]) -> Who:
    """Raises LookupError or TypeError for another shape."""
    return Who(
        (profile["username"], profile["display_name"]),
        profile["device"],
        tuple(sorted(profile["devices"].items())),
    )


def seen_in_lanyard(d: dict[str, Any]) -> Seen:
    """What a presence of Lanyard's dialect shows. Raises LookupError or TypeError as above."""
    song, activities = d["spotify"], d["activities"]
    if d["listening_to_spotify"] is not (song is not None):
        raise TypeError("listening_to_spotify does not say whether there is a song")
    songs = [one for one in activities if str(one.get("id")).startswith("spotify:")]
    custom = [one for one in activities if one["type"] == _CUSTOM]
    return Seen(
        d["discord_status"] if d["discord_status"] in _STATUS else NOTHING.status,
        (song["song"], songs[0]["created_at"]) if song else None,
        _in_order(
            (one["name"], one.get("details"), one["created_at"])
            for one in activities
            if one not in songs and one not in custom
        ),
        custom[0].get("state") if custom else None,
    )


def who_in_lanyard(d: dict[str, Any]) -> Who:
    """As `without_statuses`, because this dialect has none. Raises as above."""
    user = d["discord_user"]
    devices = [device for device in _DEVICES if d[f"active_on_discord_{device}"]]
    return Who(
        (user["username"], user["global_name"] or user["username"]),
        next(iter(devices), None),
        tuple((device, "") for device in sorted(devices)),
    )


def without_statuses(who: Who) -> Who:
    """With the devices, but not with what each of them shows."""
    return Who(who.names, who.device, tuple((device, "") for device, _ in who.devices))
