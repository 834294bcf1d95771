"""`/events`, which ws serves below the same public address."""

from __future__ import annotations

from typing import Final

from services.api.openapi.paths import USER_ID, content, optional, path, response
from services.api.openapi.schemas import Json
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.redis.store import StoreUnavailable

MAX_USERS: Final = 50

_USER_IDS: Final[Json] = {
    "name": "user_id",
    "in": "query",
    "description": f"Up to {MAX_USERS} Discord ids, separated by commas. May be repeated.",
    "required": True,
    "style": "form",
    "explode": False,
    "schema": {"type": "array", "items": USER_ID["schema"], "minItems": 1, "maxItems": MAX_USERS},
    "example": [USER_ID["example"]],
}

_EXAMPLE: Final = (
    "retry: 3127\n\n"
    "event: presence_update\n"
    'data: {"op":"presence_update","user_id":"1274150219482660897","d":{"status":"idle",'
    '"spotify":null,"activity":[],"custom_status":null,"listening":null}}\n\n'
)

PATHS: Final[Json] = {
    "/events": path(
        "getEvents",
        "Presence",
        "Presence as Server-Sent Events",
        "The frames of the WebSocket as a response that does not end: `event:` is the frame's "
        "`op`, and `data:` is the frame. Problems with one of several users, and those that pass, "
        "are events too.",
        parameters=[
            _USER_IDS,
            optional("Last-Event-ID", "Ignored: a stream starts with what is now.", place="header"),
        ],
        responses={
            200: response(
                "The stream.",
                content({"type": "string"}, {"A change": _EXAMPLE}, media="text/event-stream"),
                headers=["Cache-Control"],
            )
        },
        errors=(InvalidUserId, UserNotMonitored, StoreUnavailable),
    ),
}
