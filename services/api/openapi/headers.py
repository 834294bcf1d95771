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
        "`no-store`: nobody may keep it.",
        "schema": {"type": "string", "enum": ["no-cache", "no-store"]},
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
    "X-Grux-Stale": {
        "description": "Only while the gateway is silent: for how many seconds. The answer may be "
        "as old.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 42,
    },
}

ALWAYS: Final = ("X-Grux-Stale",)
"""On every answer."""
