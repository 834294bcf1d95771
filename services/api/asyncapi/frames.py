"""What the frames of the WebSocket are made of.

ws builds them from bytes (services/ws/protocol.py); these say what comes out, for /asyncapi.json
and the tests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.api.openapi.bodies import User
from shared.model.snapshot import Id, Presence, Profile

About = Annotated[Id, Meta(description="Whom the frame is about.")]


class InitialData(Struct):
    """Once for each user, as soon as the connection stands: all there is."""

    op: Literal["initial_data"]
    user_id: About
    d: User


class PresenceUpdate(Struct):
    """Whenever status, song, an activity or the custom status changes: all four, as they are."""

    op: Literal["presence_update"]
    user_id: About
    d: Presence


class OnlyProfile(Struct):
    """The whole profile."""

    profile: Profile


class ProfileUpdate(Struct):
    """Whenever name, avatar, device or another profile field changes: the whole profile."""

    op: Literal["profile_update"]
    user_id: About
    d: OnlyProfile


class Complaint(Struct):
    """What went wrong."""

    code: Annotated[str, Meta(description="For programs, as in the table of close codes.")]
    message: Annotated[str, Meta(description="For people: what happened, why, what to do.")]


class ErrorFrame(Struct):
    """A problem with one user, or with the connection. With one user on it, the close follows."""

    op: Literal["error"]
    user_id: Annotated[
        str | None,
        Meta(description="What was asked for, as it was spelled; null: the whole connection."),
    ]
    d: Complaint
