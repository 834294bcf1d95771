"""The WebSocket's frames as structs.

services/ws/protocol.py builds frames from bytes. These structs describe the result, for
/asyncapi.json and for tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.api.openapi.bodies import User
from shared.model.snapshot import Id, Presence, Profile

About = Annotated[Id, Meta(description="The user that the frame is about.")]


class InitialData(Struct):
    """Once for each user, as soon as the connection is open: the whole state."""

    op: Literal["initial_data"]
    user_id: About
    d: User


class PresenceUpdate(Struct):
    """Whenever the status, the song, an activity or the custom status changes: all of them."""

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


class FrameError(Struct):
    """What went wrong."""

    code: Annotated[str, Meta(description="For programs, as in the table of close codes.")]
    message: Annotated[str, Meta(description="For people: what happened, why, and what to do.")]


class ErrorFrame(Struct):
    """A problem with one user, or with the connection. With a single user, the close follows."""

    op: Literal["error"]
    user_id: Annotated[
        str | None,
        Meta(description="As the client spelled it; null: the whole connection."),
    ]
    d: FrameError


class CloseCode(Struct, frozen=True):
    """Why a connection closes. RFC 6455, 7.4; codes from 4000 on are Grux's own."""

    code: int
    reason: str  # of the Close frame, and the error frame's code
    when: str
    then: str  # what a client should do


def close_code_table(codes: Iterable[CloseCode]) -> str:
    """In Markdown."""
    return "\n".join(
        [
            "| code | reason | when | what to do |",
            "|---|---|---|---|",
            *(f"| {c.code} | {c.reason} | {c.when} | {c.then} |" for c in codes),
        ]
    )
