"""The part of /asyncapi.json about Lanyard's protocol, which ws speaks at /socket.

services/ws/lanyard/protocol.py reads and builds the frames. These structs describe them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, UnsetType

from services.api.asyncapi.frames import CloseCode, close_code_table
from services.api.openapi.lanyard import EXAMPLE
from services.api.openapi.schemas import Json
from shared.model.lanyard import LanyardPresence

CHANNEL: Final = "lanyard"

_UserIds = Annotated[list[str], Meta(description="Discord user ids.")]
_UserId = Annotated[str, Meta(description="A Discord user id.")]


class LanyardHelloData(Struct):
    """How often clients send heartbeats."""

    heartbeat_interval: Annotated[
        Literal[30000], Meta(description="Milliseconds. No client is closed for missing one.")
    ]


class LanyardHello(Struct):
    """The first frame."""

    op: Literal[1]
    d: LanyardHelloData


class LanyardInitState(Struct):
    """The answer to `subscribe_to_ids` and `subscribe_to_all`; `{}` also to `subscribe_to_id`."""

    op: Literal[0]
    t: Literal["INIT_STATE"]
    d: Annotated[
        dict[str, LanyardPresence],
        Meta(description="By user id. Users who are not monitored are left out."),
    ]


class LanyardInitStateOfOne(Struct):
    """The answer to `subscribe_to_id` with a user who is monitored."""

    op: Literal[0]
    t: Literal["INIT_STATE"]
    d: LanyardPresence


class LanyardPresenceUpdate(Struct):
    """A user has changed: the whole presence. `discord_user.id` tells whose."""

    op: Literal[0]
    t: Literal["PRESENCE_UPDATE"]
    d: LanyardPresence


class LanyardSubscribeTo(Struct):
    """At least one of these; of several, the first counts. What is no id matches nobody."""

    subscribe_to_ids: _UserIds | UnsetType
    subscribe_to_id: _UserId | UnsetType
    subscribe_to_all: (
        Annotated[Literal[True], Meta(description="Always true. Off by default.")] | UnsetType
    )


class LanyardInitialize(Struct):
    """Adds subscriptions, before or after Hello and any number of times. Answered by INIT_STATE."""

    op: Literal[2]
    d: Annotated[LanyardSubscribeTo, Meta(extra_json_schema={"minProperties": 1})]


class LanyardHeartbeat(Struct):
    """A sign of life. Neither answered nor needed."""

    op: Literal[3]
    d: Annotated[Any, Meta(description="Ignored.")] | UnsetType


class LanyardUnsubscribeFrom(Struct):
    """Of several, the first counts."""

    unsubscribe_from_ids: _UserIds | UnsetType
    unsubscribe_from_id: _UserId | UnsetType
    unsubscribe_from_all: Annotated[Literal[True], Meta(description="Always true.")] | UnsetType


class LanyardUnsubscribe(Struct):
    """Ends subscriptions. Not answered."""

    op: Literal[4]
    d: LanyardUnsubscribeFrom


SENT: Final[dict[str, type[Struct]]] = {
    "lanyard_hello": LanyardHello,
    "lanyard_init_state": LanyardInitState,
    "lanyard_init_state_of_one": LanyardInitStateOfOne,
    "lanyard_presence_update": LanyardPresenceUpdate,
}
RECEIVED: Final[dict[str, type[Struct]]] = {
    "lanyard_initialize": LanyardInitialize,
    "lanyard_heartbeat": LanyardHeartbeat,
    "lanyard_unsubscribe": LanyardUnsubscribe,
}
MESSAGES: Final = {**SENT, **RECEIVED}

CLOSE_CODES: Final = (
    CloseCode(
        4004, "unknown_opcode", "`op` is missing, or none that a client sends", "fix the client"
    ),
    CloseCode(
        4005, "requires_data_object", "op 2 without `d`, or with an empty one", "fix the client"
    ),
    CloseCode(
        4006,
        "invalid_payload",
        "no JSON object, or op 2 that subscribes to nothing known",
        "fix the client",
    ),
    CloseCode(4408, "no_pong", "no answer to a ping", "reconnect"),
    CloseCode(
        4429,
        "rate_limited",
        "one address has too many connections, or opens too many",
        "reconnect after a minute",
    ),
    CloseCode(1009, "", "a client message was larger than 64 KiB", "send fewer ids at once"),
    CloseCode(1012, "restart", "the server restarts", "reconnect after a random delay"),
)

_ABOUT: Final = f"""\
For clients that were written for Lanyard. Connect to `/socket` without a `user_id`; the client then
says which users it wants. Messages are text or binary, and JSON either way. A client that asks for
too much is read some seconds later, and not closed.

## Close codes at /socket

{close_code_table(CLOSE_CODES)}
"""

_COMPRESSION: Final = {
    "type": "string",
    "description": "With `zlib_json`, each frame of the server is binary, and a zlib stream of its "
    "own. Any other value is none.",
    "examples": ["zlib_json"],
}

_SHOWN: Final[Json] = msgspec.to_builtins(EXAMPLE)
_ID: Final = _SHOWN["discord_user"]["id"]
EXAMPLES: Final[dict[str, Json]] = {
    "lanyard_hello": {"op": 1, "d": {"heartbeat_interval": 30000}},
    "lanyard_init_state": {"op": 0, "t": "INIT_STATE", "d": {_ID: _SHOWN}},
    "lanyard_init_state_of_one": {"op": 0, "t": "INIT_STATE", "d": _SHOWN},
    "lanyard_presence_update": {"op": 0, "t": "PRESENCE_UPDATE", "d": _SHOWN},
    "lanyard_initialize": {"op": 2, "d": {"subscribe_to_ids": [_ID]}},
    "lanyard_heartbeat": {"op": 3},
    "lanyard_unsubscribe": {"op": 4, "d": {"unsubscribe_from_id": _ID}},
}


def channel() -> Json:
    """Its place in the document."""
    query = {"type": "object", "properties": {"compression": _COMPRESSION}}
    return {
        "address": "/socket",
        "title": "Lanyard's protocol",
        "description": _ABOUT,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        "x-close-codes": msgspec.to_builtins(CLOSE_CODES),
    }


def operations() -> Json:
    """What each side sends. As AsyncAPI 3 has it, `action` is the server's."""
    return {
        "answerLanyardClients": _operation("send", "What the server sends there", SENT),
        "hearLanyardClients": _operation("receive", "What clients send there", RECEIVED),
    }


def _operation(action: str, title: str, messages: dict[str, type[Struct]]) -> Json:
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "messages": [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"} for name in messages],
    }
