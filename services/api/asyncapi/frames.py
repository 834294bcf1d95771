"""The WebSocket's frames as structs.

services/ws/protocol.py builds frames from bytes, and services/ws/client.py reads messages. These
structs describe both, for /asyncapi.json and for tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.api.openapi.bodies import User
from shared.model.snapshot import Id, Presence, Profile

About = Annotated[Id, Meta(description="The user that the frame is about.")]


class InitialData(Struct):
    """Once for each user, when the connection is open, and as the answer to `subscribe`: the whole
    state."""

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

    code: Annotated[
        str,
        Meta(
            description="For programs: a reason of the table of close codes, or `too_many_users`."
        ),
    ]
    message: Annotated[str, Meta(description="For people: what happened, why, and what to do.")]


class ErrorFrame(Struct):
    """A problem with one user, with a message, or with the connection. If the connection has no
    other user, and the client has sent no message, the close follows."""

    op: Literal["error"]
    user_id: Annotated[
        str | None,
        Meta(description="As the client spelled it; null: the message, or the whole connection."),
    ]
    d: FrameError


_UserIds = Annotated[list[Id], Meta(description="Discord user ids, at most 50.")]


class SubscribeUsers(Struct):
    """Adds users, at most 50 on a connection. Each of them is answered by `initial_data`, also one
    who is subscribed already, or by `error`."""

    op: Literal["subscribe"]
    user_ids: _UserIds


class UnsubscribeUsers(Struct):
    """Removes users, and has no answer. Once the server has read it, it sends none of them."""

    op: Literal["unsubscribe"]
    user_ids: _UserIds


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
