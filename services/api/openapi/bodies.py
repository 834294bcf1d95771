"""The JSON bodies of the API: the envelopes around the structs of shared/model/snapshot.py.

The endpoints assemble bodies from bytes. These structs describe the result, for /openapi.json and
for tests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct

from services.api.endpoints.check import UserCheck
from shared.model.history import HistoryEntry, LastPlayed
from shared.model.snapshot import (
    Activity,
    CustomStatus,
    LastSeen,
    Listening,
    Presence,
    Profile,
    Spotify,
    Status,
    Url,
)

Code = Annotated[str, Meta(description="For programs: it does not change.")]
Message = Annotated[str, Meta(description="For people: what happened, why, and what to do.")]
Invite = Annotated[
    Url | None, Meta(description="Joining this server makes a user monitored; null if unset.")
]


class User(Struct):
    """The user's profile and current presence."""

    profile: Profile
    status: Annotated[Status, Meta(description="`invisible` is Discord's offline as well.")]
    spotify: Annotated[Spotify | None, Meta(description="null when there is no song.")]
    activity: Annotated[
        list[Activity],
        Meta(description="All but Spotify and the custom status, in Discord's order."),
    ]
    custom_status: CustomStatus | None
    listening: Annotated[
        Listening | None,
        Meta(description="Spotify's song, else that of the first activity of type `Listening`."),
    ]
    last_seen: LastSeen = UNSET


class UserAnswer(Struct):
    """Profile and presence."""

    data: User
    success: Literal[True]


class ManyUsers(Struct):
    """Many users at once."""

    users: Annotated[
        dict[str, User], Meta(description="By id, in the order in which they were asked for.")
    ]
    not_monitored: Annotated[
        list[str], Meta(description="The ids of those who are in no monitored server.")
    ]


class ManyUsersAnswer(Struct):
    """Many users at once."""

    data: ManyUsers
    success: Literal[True]


class UserCheckAnswer(Struct):
    """Why a user is shown, or is not."""

    data: UserCheck
    success: Literal[True]


class ActivityAnswer(Struct):
    """Presence without the profile."""

    data: Presence
    success: Literal[True]


class NowPlaying(Struct):
    """The song, and the last one of those who keep a history."""

    listening: Annotated[
        Listening | None,
        Meta(description="Spotify's song, else that of the first activity of type `Listening`."),
    ]
    last_played: Annotated[
        LastPlayed | None,
        Meta(description="The newest song that has ended; null for those who keep no history."),
    ]


class NowPlayingAnswer(Struct):
    """What the user listens to."""

    data: NowPlaying
    success: Literal[True]


class KeptHistory(Struct):
    """When a user was seen last, and what they did."""

    last_seen: Annotated[
        int | None,
        Meta(
            description="When the user became `invisible`: ms since 1970; null while they are not, "
            "while it is not known, and while they hide their status."
        ),
    ]
    recent: Annotated[
        list[HistoryEntry],
        Meta(description="The newest first; empty where only `last_seen` is kept."),
    ]


class HistoryAnswer(Struct):
    """The history of a user who keeps one."""

    data: KeptHistory
    success: Literal[True]


class Front(Struct):
    """The service."""

    info: Annotated[str, Meta(description="For people.")]
    discord_invite: Invite
    monitored_user_count: Annotated[int, Meta(description="The number of monitored users.")]
    version: Annotated[str, Meta(description="The version of Grux.")]


class FrontAnswer(Struct):
    """What the service is and how many users it monitors."""

    data: Front
    success: Literal[True]


class ProcessHealth(Struct):
    """The state of the process."""

    status: Literal["ok"]
    redis: Annotated[bool, Meta(description="Whether Redis answers.")]
    gateway_silent_for: Annotated[
        int | None,
        Meta(
            description="Seconds since the gateway was last connected to Discord, once that is "
            "overdue; else null."
        ),
    ]
    version: Annotated[str, Meta(description="The version of Grux.")]


class HealthAnswer(Struct):
    """The process runs."""

    data: ProcessHealth
    success: Literal[True]


class Ready(Struct):
    """Whether a load balancer should send requests."""

    ready: Literal[True]


class ReadyAnswer(Struct):
    """Presence can be read."""

    data: Ready
    success: Literal[True]


class Error(Struct):
    """What went wrong."""

    code: Code
    message: Message


class ErrorAnswer(Struct):
    """An error."""

    error: Error
    success: Literal[False]


class NotMonitored(Struct):
    """The user is in no monitored server."""

    code: Literal["user_not_monitored"]
    message: Message
    discord_invite: Invite


class NotMonitoredAnswer(Struct):
    """The error for a user that is in no monitored server."""

    error: NotMonitored
    success: Literal[False]


class InvalidSetting(Struct):
    """A setting is not allowed, and nothing was changed."""

    code: Literal["invalid_settings"]
    message: Message
    field: Annotated[str, Meta(description="The setting, such as `bio` or `links[0].url`.")]


class InvalidSettingsAnswer(Struct):
    """The error for settings that are not allowed."""

    error: InvalidSetting
    success: Literal[False]
