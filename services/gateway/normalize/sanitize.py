"""Sanitizes Discord's raw objects: removes values that are ill-typed or unknown.

Discord does not validate what it sends on the gateway (docs: Presence Update), and users have typed
much of it. A sanitized object keeps Discord's names and shapes, and holds only known keys with
values of the right type and bounded length, and no secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.discord.cdn import is_hash, is_nameplate

Json = dict[str, Any]
Check = Callable[[Any], Any]
"""Gives the sanitized value, or None if it is unusable."""

MAPPING: Final = (dict, Mapping)
"""For isinstance, which finds a dict in 0.04 µs then, and in 0.3 with Mapping alone."""

LISTENING: Final = 2  # a type of activity
CUSTOM_STATUS: Final = 4
MAX_TEXT: Final = 512  # Discord allows 128 to 313
MAX_ACTIVITIES: Final = 50
MAX_CLIENTS: Final = 16
STATUSES: Final = ("online", "idle", "dnd")  # a tuple: a raw value may be unhashable
MAX_BUTTONS: Final = 5
MAX_COLORS: Final = 8
MAX_INTEGER: Final = 2**53  # JavaScript's numbers hold every integer that is smaller
_DISCRIMINATOR = re.compile(r"[0-9]{1,4}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    short: str = value[:MAX_TEXT]
    if short.isascii():
        return short
    return short.encode("utf-8", "replace").decode()  # a lone surrogate is not text


def integer(value: Any) -> int | None:
    """Accepts also times that come as strings, and numbers that come as floats."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else None
    elif isinstance(value, float) and value == value and abs(value) < MAX_INTEGER:
        value = int(value)
    return value if isinstance(value, int) and abs(value) < MAX_INTEGER else None


def flags(value: Any) -> int | None:
    """A bit set of at most 63 bits: flags may exceed 53 bits one day."""
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def snowflake(value: Any) -> str | None:
    """An id as a string: some come as integers."""
    if type(value) is int and 0 < value < 1 << 64:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return value
    return None


def user_id(user: Any) -> int | None:
    """The id of a user object."""
    found = snowflake(user.get("id")) if isinstance(user, MAPPING) else None
    return int(found) if found else None


def discriminator(value: Any) -> str | None:
    """Four digits, or "0" for an account with a unique name."""
    return value if isinstance(value, str) and _DISCRIMINATOR.fullmatch(value) else None


def picture(value: Any) -> str | None:
    return value if is_hash(value) else None


def user(raw: Any) -> Json:
    """A whole or partial user. A missing key means unchanged, null means cleared."""
    return _keep(raw, _USER, null_is_kept=True) if isinstance(raw, MAPPING) else {}


def presence(raw: Mapping[str, Any]) -> Json:
    """`status`, `client_status` and `activities`, whichever the event has.

    An unknown status counts as offline. An offline user has no activities.
    """
    kept: Json = {}
    if "status" in raw:
        status = raw["status"]
        kept["status"] = status if status in STATUSES else "offline"
    if "client_status" in raw:
        kept["client_status"] = _clients(raw["client_status"])
    if "activities" in raw:
        kept["activities"] = _activities(raw["activities"])
    if kept.get("status") == "offline":
        kept["client_status"] = {}
        kept["activities"] = []
    return kept


def is_custom_status(activity: Json) -> bool:
    return activity.get("type") == CUSTOM_STATUS


def is_spotify(activity: Json) -> bool:
    """Judged by the id, which Discord sets: any activity may be named Spotify."""
    return bool((activity.get("id") or "").startswith("spotify:"))


def _keep(raw: Mapping[str, Any], checks: Mapping[str, Check], *, null_is_kept: bool) -> Json:
    kept: Json = {}
    for key, value in raw.items():
        check = checks.get(key)
        if check is None:
            continue
        if value is None:
            if null_is_kept:
                kept[key] = None
            continue
        safe = check(value)
        if safe is not None:
            kept[key] = safe
    return kept


def _object(checks: Mapping[str, Check], *, null_is_kept: bool = False) -> Check:
    def check(value: Any) -> Json | None:
        if not isinstance(value, MAPPING):
            return None
        return _keep(value, checks, null_is_kept=null_is_kept)

    return check


def _user_object(checks: Mapping[str, Check]) -> Check:
    """One inside a user: Lanyard's clients are told that its keys may be null, not missing."""
    return _object(checks, null_is_kept=True)


def _clients(raw: Any) -> dict[str, str]:
    if not isinstance(raw, MAPPING):
        return {}
    return {
        client: status
        for client, status in list(raw.items())[:MAX_CLIENTS]
        if status in STATUSES and is_hash(client) and len(client) <= 32
    }


def _activities(raw: Any) -> list[Json]:
    if not isinstance(raw, list):
        return []
    return [
        _keep(activity, ACTIVITY, null_is_kept=False)
        for activity in raw[:MAX_ACTIVITIES]
        if isinstance(activity, MAPPING)
    ]


def _party_size(value: Any) -> list[int] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    now, at_most = integer(value[0]), integer(value[1])
    return None if now is None or at_most is None else [now, at_most]


def _buttons(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    labels = (
        text(one.get("label") if isinstance(one, MAPPING) else one) for one in value[:MAX_BUTTONS]
    )
    return [label for label in labels if label]


def _colors(value: Any) -> list[int] | None:
    if not isinstance(value, list):
        return None
    return [color for color in map(integer, value[:MAX_COLORS]) if color is not None]


_GUILD_TAG = _user_object(
    {"identity_guild_id": snowflake, "identity_enabled": boolean, "tag": text, "badge": picture}
)

_USER: Final[Mapping[str, Check]] = {
    "id": snowflake,
    "username": text,
    "discriminator": discriminator,
    "global_name": text,
    "avatar": picture,
    "bot": boolean,
    "system": boolean,
    "public_flags": flags,
    "banner": picture,
    "accent_color": integer,
    "avatar_decoration_data": _user_object(
        {"asset": picture, "sku_id": snowflake, "expires_at": integer}
    ),
    "collectibles": _user_object(
        {
            "nameplate": _user_object(
                {
                    "asset": lambda value: value if is_nameplate(value) else None,
                    "sku_id": snowflake,
                    "label": text,
                    "palette": text,
                    "expires_at": integer,
                }
            )
        }
    ),
    "display_name_styles": _user_object(
        {"font_id": integer, "effect_id": integer, "colors": _colors}
    ),
    "primary_guild": _GUILD_TAG,
    "clan": _GUILD_TAG,
}

ACTIVITY: Final[Mapping[str, Check]] = {
    "id": text,
    "name": text,
    "type": integer,
    "created_at": integer,
    "timestamps": _object({"start": integer, "end": integer}),
    "application_id": snowflake,
    "parent_application_id": snowflake,
    "details": text,
    "details_url": text,
    "state": text,
    "state_url": text,
    "status_display_type": integer,
    "url": text,
    "emoji": _object({"name": text, "id": snowflake, "animated": boolean}),
    "party": _object({"id": text, "size": _party_size}),
    "assets": _object(
        {
            "large_image": text,
            "large_text": text,
            "large_url": text,
            "small_image": text,
            "small_text": text,
            "small_url": text,
            "invite_cover_image": text,
        }
    ),
    "instance": boolean,
    "flags": integer,
    "buttons": _buttons,
    "session_id": text,
    "platform": text,
    "sync_id": text,
}
"""Discord docs: Activity Object. `secrets` lets others join: it is never kept."""
