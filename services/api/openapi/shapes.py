"""What the answers are made of: the envelopes around shared/model/snapshot.py's structs.

Answers are put together from bytes; these say what comes out, for /openapi.json and the tests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.model.snapshot import Activity, CustomStatus, Presence, Profile, Spotify, Status, Url


class User(Struct):
    """Who the user is and what they do now."""

    profile: Profile
    status: Annotated[Status, Meta(description="`invisible` is Discord's offline as well.")]
    spotify: Annotated[Spotify | None, Meta(description="null when there is no song.")]
    activity: Annotated[
        list[Activity],
        Meta(description="All but Spotify and the custom status, in Discord's order."),
    ]
    custom_status: CustomStatus | None


class UserAnswer(Struct):
    """Profile and presence."""

    data: User
    success: Literal[True]


class ActivityAnswer(Struct):
    """Presence alone."""

    data: Presence
    success: Literal[True]


class Front(Struct):
    """What this is."""

    info: Annotated[str, Meta(description="For people.")]
    discord_invite: Annotated[
        Url | None, Meta(description="Who joins this server is monitored; null if none is set.")
    ]
    monitored_user_count: Annotated[int, Meta(description="How many people can be asked for.")]


class FrontAnswer(Struct):
    """What this is and how many users it monitors."""

    data: Front
    success: Literal[True]


class Health(Struct):
    """How the process is."""

    status: Literal["ok"]
    redis: Annotated[bool, Meta(description="Whether it answers.")]
    gateway_silent_for: Annotated[
        int | None,
        Meta(
            description="Seconds since the gateway was last connected to Discord, once they are "
            "too many."
        ),
    ]


class HealthAnswer(Struct):
    """The process runs."""

    data: Health
    success: Literal[True]


class Ready(Struct):
    """Whether traffic should come."""

    ready: Literal[True]


class ReadyAnswer(Struct):
    """Presence can be read."""

    data: Ready
    success: Literal[True]


class Error(Struct):
    """What went wrong."""

    code: Annotated[str, Meta(description="For programs: it does not change.")]
    message: Annotated[str, Meta(description="For people: what happened, why, what to do.")]


class ErrorAnswer(Struct):
    """Something went wrong."""

    error: Error
    success: Literal[False]


class NotMonitored(Struct):
    """Nobody watches this user."""

    code: Literal["user_not_monitored"]
    message: Annotated[str, Meta(description="For people: what happened, why, what to do.")]
    discord_invite: Annotated[
        Url | None, Meta(description="Who joins this server is monitored; null if none is set.")
    ]


class NotMonitoredAnswer(Struct):
    """No monitored server has the user."""

    error: NotMonitored
    success: Literal[False]
