"""How a card is to look: the query parameters, which anybody may have written.

A value that cannot be used counts as not given, and is named in a header: a README shows a card
with the default rather than none. Names and values are those of lanyard-profile-readme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

Theme = Literal["dark", "light", "auto"]
HideActivity = Literal["false", "true", "whenNotUsed"]

IDLE: Final = "I'm not currently doing anything!"
NARROWEST: Final = 300  # px
WIDEST: Final = 900
WIDTH: Final = 450
ROUNDEST: Final = 60  # px
RADIUS: Final = 16
LONGEST_IDLE: Final = 150  # characters
MOST_IGNORED: Final = 50  # applications

_COLOUR: Final = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", re.ASCII)
_PIXELS: Final = re.compile(r"([0-9]{1,4})(?:\.[0-9]{1,3})?(?:px)?", re.ASCII)
_ID: Final = re.compile(r"[0-9]{15,20}", re.ASCII)
_YES: Final = frozenset({"true", "1", "yes"})
_NO: Final = frozenset({"false", "0", "no"})


class Look(Struct, frozen=True, kw_only=True):
    """Equal looks make equal cards."""

    theme: Theme = "dark"
    bg: str | None = None  # six hex digits, `transparent`, or None for the theme's
    radius: int = RADIUS  # px
    width: int = WIDTH  # px
    accent: str | None = None  # six hex digits, or None for the person's own
    animated: bool = True
    idle_message: str = IDLE
    display_name: bool = True
    nameplate: bool = False
    hide_status: bool = False  # the custom status
    hide_timestamp: bool = False
    hide_badges: bool = False
    hide_profile: bool = False
    hide_activity: HideActivity = "false"
    hide_spotify: bool = False
    hide_tag: bool = False
    hide_decoration: bool = False
    ignored: frozenset[str] = frozenset()  # application ids


def read(query: Iterable[tuple[str, str]]) -> tuple[Look, list[str]]:
    """The look, and the names of the parameters whose value could not be used.

    Other names than ours are passed over: people add them to get around caches.
    """
    given = {name: value.strip() for name, value in query if name in _READERS}
    look: dict[str, object] = {}
    unusable: list[str] = []
    for name, value in given.items():
        field, reader = _READERS[name]
        read_value = reader(value)
        if read_value is not None:
            look[field] = read_value
        elif value:
            unusable.append(name)
    return Look(**look), unusable  # type: ignore[arg-type]


def _flag(value: str) -> bool | None:
    return True if value.lower() in _YES else False if value.lower() in _NO else None


def _colour(value: str) -> str | None:
    found = _COLOUR.fullmatch(value)
    if found is None:
        return None
    digits = found[1].lower()
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def _background(value: str) -> str | None:
    return "transparent" if value.lower() == "transparent" else _colour(value)


def _theme(value: str) -> str | None:
    return value.lower() if value.lower() in ("dark", "light", "auto") else None


def _radius(value: str) -> int | None:
    found = _PIXELS.fullmatch(value)
    return min(int(found[1]), ROUNDEST) if found else None


def _width(value: str) -> int | None:
    found = _PIXELS.fullmatch(value)
    return min(max(int(found[1]), NARROWEST), WIDEST) if found else None


def _hide_activity(value: str) -> str | None:
    if value.lower() == "whennotused":
        return "whenNotUsed"
    flag = _flag(value)
    return None if flag is None else str(flag).lower()


def _message(value: str) -> str | None:
    return value[:LONGEST_IDLE] or None


def _ids(value: str) -> frozenset[str] | None:
    ids = [part.strip() for part in value.split(",") if part.strip()][:MOST_IGNORED]
    return frozenset(ids) if ids and all(_ID.fullmatch(part) for part in ids) else None


_READERS: Final = {
    "theme": ("theme", _theme),
    "bg": ("bg", _background),
    "borderRadius": ("radius", _radius),
    "width": ("width", _width),
    "accent": ("accent", _colour),
    "animated": ("animated", _flag),
    "idleMessage": ("idle_message", _message),
    "showDisplayName": ("display_name", _flag),
    "nameplate": ("nameplate", _flag),
    "hideStatus": ("hide_status", _flag),
    "hideTimestamp": ("hide_timestamp", _flag),
    "hideBadges": ("hide_badges", _flag),
    "hideProfile": ("hide_profile", _flag),
    "hideActivity": ("hide_activity", _hide_activity),
    "hideSpotify": ("hide_spotify", _flag),
    "hideTag": ("hide_tag", _flag),
    "hideDecoration": ("hide_decoration", _flag),
    "ignoreAppId": ("ignored", _ids),
}
"""By the parameter's name: the field of Look, and what reads it."""

NAMES: Final = tuple(_READERS)
