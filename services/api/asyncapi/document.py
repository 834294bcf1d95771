"""/asyncapi.json: AsyncAPI 3.0 for the WebSocket, put together once when the process starts."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from services.api.asyncapi import endings, frames
from services.api.openapi.document import LICENSE, VERSION
from services.api.openapi.schemas import Json, ref, schemas

_EXAMPLES: Final = Path(__file__).parent / "examples"

MESSAGES: Final[dict[str, type[Struct]]] = {
    "initial_data": frames.InitialData,
    "presence_update": frames.PresenceUpdate,
    "profile_update": frames.ProfileUpdate,
    "error": frames.ErrorFrame,
}

ABOUT: Final = """\
One connection tells what people do now, and each change after that.

There is nothing to send: no heartbeat, no login. The server pings, and browsers answer by
themselves. What was seen last is the truth: no change is lost, none comes twice or out of order,
and a client too slow for every update skips to the newest one.
"""

CHANNEL: Final = f"""\
Connect with `?user_id=A`, `?user_id=A,B` or `?user_id=A&user_id=B`: up to 50 users, one
`initial_data` each. `op` and `user_id` tell the frames apart. A user who is not monitored gets an
`error` frame, and the others go on.

When the connection closes:

{endings.table()}
"""

USER_ID: Final = {
    "type": "string",
    "description": "Discord user ids: up to 50, separated by commas. The parameter may also come "
    "several times.",
    "pattern": "^[1-9][0-9]{14,19}(,[1-9][0-9]{14,19}){0,49}$",
    "examples": ["1274150219482660897", "1274150219482660897,161092844126208001"],
}


def document(public_ws_url: str = "") -> Json:
    """`public_ws_url`: PUBLIC_WS_URL; without it the document names no server."""
    channel = {
        "address": "/",
        "title": "Presence of one user or several",
        "description": CHANNEL,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES},
        "bindings": {"ws": _query()},
        "x-close-codes": msgspec.to_builtins(endings.ENDINGS),
    }
    sending = {
        "action": "send",
        "title": "What the server sends",
        "summary": "The server talks, the client listens.",
        "channel": {"$ref": "#/channels/presence"},
        "messages": [{"$ref": f"#/channels/presence/messages/{name}"} for name in MESSAGES],
    }
    license_ = {"name": LICENSE["name"], "url": "https://opensource.org/license/mit"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Grux WebSocket",
            "version": VERSION,
            "description": ABOUT,
            "license": license_,
        },
        "defaultContentType": "application/json",
        **({"servers": {"public": _server(public_ws_url)}} if public_ws_url else {}),
        "channels": {"presence": channel},
        "operations": {"follow": sending},
        "components": {
            "messages": {name: _message(name, kind) for name, kind in MESSAGES.items()},
            "schemas": schemas(MESSAGES.values()),
        },
    }


def _server(url: str) -> Json:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = {"pathname": parts.path} if parts.path else {}
    return {"host": host, "protocol": parts.scheme, **path}


def _query() -> Json:
    """AsyncAPI WebSockets bindings 0.1.0."""
    query = {"type": "object", "properties": {"user_id": USER_ID}, "required": ["user_id"]}
    return {"method": "GET", "query": query, "bindingVersion": "0.1.0"}


def _message(name: str, kind: type[Struct]) -> Json:
    example = msgspec.json.decode((_EXAMPLES / f"{name}.json").read_bytes())
    return {
        "name": name,
        "title": name,
        "summary": (kind.__doc__ or "").strip(),
        "payload": ref(kind),
        "examples": [{"name": name, "payload": example}],
    }
