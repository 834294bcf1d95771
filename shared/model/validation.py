"""Whether what Redis holds, or tells, may go on to clients.

Redis is the operator's, and yet a slip there, or a stranger who got in, must not end a process nor
reach a browser: what is sent to clients is put together from these bytes as they are.

Measured, for a presence of 900 bytes: `is_snapshot` 0.8 µs, `is_update` 0.2 µs.
"""

from __future__ import annotations

from typing import Any

import msgspec

LATEST = 1 << 53
"""No version is as large: Lua counts no further, and by Redis' clock it is the year 2255."""


def is_version(value: Any) -> bool:
    """Whether it is one that the save script may have given: digits, or a number."""
    if isinstance(value, bytes):
        return value.isdigit() and len(value) <= 16 and 0 < int(value) < LATEST
    return isinstance(value, int) and 0 < value < LATEST


def is_snapshot(json: Any) -> bool:
    """Whether it is one JSON object with members, in UTF-8."""
    if not isinstance(json, bytes) or json[:2] != b'{"':
        return False
    try:
        msgspec.json.decode(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def is_update(json: bytes) -> bool:
    """`is_snapshot` of what a msgspec.Raw holds: that it is JSON is known already."""
    if json[:2] != b'{"':
        return False
    try:
        json.decode()
    except UnicodeDecodeError:
        return False
    return True
