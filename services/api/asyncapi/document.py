"""/asyncapi.json: AsyncAPI 3.0 for the WebSocket, built once when the process starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from services.api.asyncapi import frames, lanyard
from services.api.asyncapi.frames import CloseCode, close_code_table
from services.api.openapi.document import LICENSE
from services.api.openapi.schemas import Json, ref, schemas
from shared.version import VERSION

_EXAMPLES: Final = Path(__file__).parent / "examples"

SENT: Final[dict[str, type[Struct]]] = {
    "initial_data": frames.InitialData,
    "presence_update": frames.PresenceUpdate,
    "profile_update": frames.ProfileUpdate,
    "error": frames.ErrorFrame,
}
RECEIVED: Final[dict[str, type[Struct]]] = {
    "subscribe": frames.SubscribeUsers,
    "unsubscribe": frames.UnsubscribeUsers,
}
MESSAGES: Final = {**SENT, **RECEIVED}

CLOSE_CODES: Final = (
    CloseCode(
        4400,
        "invalid_user_id",
        "`user_id` is missing or malformed, or there are more than 50",
        "fix the URL",
    ),
    CloseCode(
        4400,
        "invalid_message",
        "the third message that is neither `subscribe` nor `unsubscribe`",
        "fix the client",
    ),
    CloseCode(
        4404,
        "user_not_monitored",
        "the user is in no monitored server, or has left",
        "do not reconnect",
    ),
    CloseCode(4408, "no_pong", "no answer to a ping", "reconnect"),
    CloseCode(
        4429,
        "rate_limited",
        "one address has too many connections, opens too many, or requests too many users; or a "
        "flood of messages",
        "reconnect after a minute",
    ),
    CloseCode(1009, "", "a client message was larger than 4 KiB", "send fewer ids at once"),
    CloseCode(1012, "restart", "the server restarts", "reconnect after a random delay"),
    CloseCode(1013, "unavailable", "presence cannot be read now", "reconnect later"),
)

_ABOUT: Final = """\
One connection sends the current presence of a user, and then each change.

Clients need to send nothing: no heartbeat and no login. They may change which users they are sent.
The server pings, and browsers answer by themselves. The last frame is the current state: no change
is lost, repeated or reordered, and a client too slow for every update skips to the newest one.

At `/socket` without a `user_id` the server speaks [Lanyard's protocol](#lanyard) instead.
"""

_CHANNEL: Final = f"""\
Connect with `?user_id=A`, `?user_id=A,B` or `?user_id=A&user_id=B`: up to 50 users, one
`initial_data` each. `op` and `user_id` tell the frames apart. For a user who is not monitored there
is an `error` frame, and the connection goes on with the others. `?user_id=` with an empty value
connects without a user.

`subscribe` and `unsubscribe` change the users of an open connection. A client that has sent either,
or has connected without a user, is not closed when it has no user left. An `error` frame with the
code `too_many_users` says that the message or the connection would have more than 50 users, and
that the message has changed nothing.

## When the connection closes

{close_code_table(CLOSE_CODES)}
"""

_USER_ID: Final = {
    "type": "string",
    "description": "Discord user ids: up to 50, separated by commas. The parameter may also be "
    "repeated. Empty: the client subscribes later.",
    "pattern": "^([1-9][0-9]{14,18}(,[1-9][0-9]{14,18}){0,49})?$",
    "examples": ["1274150219482660897", "1274150219482660897,161092844126208001"],
}


def document(public_ws_url: str = "") -> Json:
    """`public_ws_url`: PUBLIC_WS_URL; without it the document names no server."""
    channel = {
        "address": "/",
        "title": "Presence of one user or several",
        "description": _CHANNEL,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES},
        "bindings": {"ws": _websocket_binding()},
        "x-close-codes": msgspec.to_builtins(CLOSE_CODES),
    }
    license_ = {"name": LICENSE["name"], "url": "https://opensource.org/license/mit"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Grux WebSocket",
            "version": VERSION,
            "description": _ABOUT,
            "license": license_,
        },
        "defaultContentType": "application/json",
        **({"servers": {"public": _server(public_ws_url)}} if public_ws_url else {}),
        "channels": {"frames": channel, lanyard.CHANNEL: lanyard.channel()},
        "operations": {
            "follow": _operation("send", "What the server sends", SENT),
            "choose": _operation("receive", "What clients may send", RECEIVED),
            **lanyard.operations(),
        },
        "components": {
            "messages": {
                **{name: _message(name, frame, _example(name)) for name, frame in MESSAGES.items()},
                **{
                    name: _message(name, frame, lanyard.EXAMPLES[name])
                    for name, frame in lanyard.MESSAGES.items()
                },
            },
            "schemas": schemas([*MESSAGES.values(), *lanyard.MESSAGES.values()]),
        },
    }


def _operation(action: str, title: str, messages: Mapping[str, type[Struct]]) -> Json:
    """As AsyncAPI 3 has it, `action` is the server's."""
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": "#/channels/frames"},
        "messages": [{"$ref": f"#/channels/frames/messages/{name}"} for name in messages],
    }


def _server(url: str) -> Json:
    """Without the password that the URL may hold."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = {"pathname": parts.path} if parts.path else {}
    return {"host": host, "protocol": parts.scheme, **path}


def _websocket_binding() -> Json:
    """AsyncAPI WebSockets bindings 0.1.0."""
    query = {"type": "object", "properties": {"user_id": _USER_ID}, "required": ["user_id"]}
    return {"method": "GET", "query": query, "bindingVersion": "0.1.0"}


def _example(name: str) -> Json:
    return dict(msgspec.json.decode((_EXAMPLES / f"{name}.json").read_bytes()))


def _message(name: str, frame: type[Struct], example: Json) -> Json:
    return {
        "name": name,
        "title": name,
        "summary": (frame.__doc__ or "").strip(),
        "payload": ref(frame),
        "examples": [{"name": name, "payload": example}],
    }
