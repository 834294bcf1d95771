"""The headers that answers carry, described once."""

from __future__ import annotations

from typing import Any, Final

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ETag": {
        "description": "Names exactly these bytes: for `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9a-f]{24}"$'},
        "example": '"4ed426ebad7f528b1caae8ee"',
        "required": True,
    },
    "Cache-Control": {
        "description": "`no-cache`: it may be kept, but is to be asked about each time. "
        "`no-store`: nobody may keep it. Pictures: `public`, and for how many seconds.",
        "schema": {
            "type": "string",
            "pattern": "^(no-cache|no-store|public, max-age=[0-9]+(, stale-[a-z-]+=[0-9]+)*)$",
        },
        "example": "no-cache",
        "required": True,
    },
    "Vary": {
        "description": "The request headers that the answer depends on.",
        "schema": {"type": "string"},
        "example": "Accept",
        "required": True,
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 5,
        "required": True,
    },
    "Allow": {
        "description": "The methods that there are.",
        "schema": {"type": "string"},
        "example": "GET, HEAD, OPTIONS",
        "required": True,
    },
    "Location": {
        "description": "Where the picture is.",
        "schema": {"type": "string", "format": "uri"},
        "example": "https://cdn.discordapp.com/embed/avatars/1.png",
        "required": True,
    },
    "X-Grux-Problem": {
        "description": "The code of what the picture says is wrong; `busy`: more is asked for "
        "than can be drawn.",
        "schema": {"type": "string"},
        "example": "user_not_monitored",
    },
    "X-Grux-Unusable": {
        "description": "The parameters whose value could not be used.",
        "schema": {"type": "string"},
        "example": "bg, width",
    },
    "X-Grux-Stale": {
        "description": "Only while the gateway is silent: for how many seconds. The answer may be "
        "as old.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 42,
    },
}

ALWAYS: Final = ("X-Grux-Stale",)
"""On every answer."""
