"""The options of a card, read from the query parameters of an untrusted URL.

A parameter with an invalid value falls back to its default, and a response header names it: a
README shows a card with the default rather than none. A parameter that hides something hides it
whatever its value, unless that says `false`: a typing error must not publish anything. Names and
values are those of lanyard-profile-readme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from msgspec import Struct

from services.cards.texts import DEFAULT_LANGUAGE, Language, language_of
from shared.net.bounded_input import is_long_list, list_items

Theme = Literal["dark", "light", "auto"]
Layout = Literal["full", "compact", "minimal", "wide"]
Banner = Literal["false", "true", "animated"]
HideActivity = Literal["false", "true", "whenNotUsed"]

DEFAULT_WIDTH_PX: Final = 450
MIN_WIDTH_PX: Final = 300
MAX_WIDTH_PX: Final = 900
DEFAULT_RADIUS_PX: Final = 16
MAX_RADIUS_PX: Final = 60
MAX_IDLE_CHARS: Final = 150
MAX_IGNORED_APPS: Final = 50
MAX_STOPS: Final = 5  # colors of a gradient
DEFAULT_ANGLE: Final = 135

_COLOR: Final = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", re.ASCII)
_BACKGROUND: Final = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", re.ASCII)
_ANGLE: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_PIXELS: Final = re.compile(r"([0-9]{1,4})(?:\.[0-9]{1,3})?(?:px)?", re.ASCII)
_LENGTH: Final = re.compile(r"([0-9]{0,4}(?:\.[0-9]{1,6})?)(px|r?em|pt|%)?", re.ASCII)
_UNITS_PX: Final = {
    "": 1.0,
    "px": 1.0,
    "em": 16.0,
    "rem": 16.0,
    "pt": 4 / 3,
    "%": MAX_RADIUS_PX / 50,
}
_ID: Final = re.compile(r"[0-9]{15,19}", re.ASCII)
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no"})


class CardOptions(Struct, frozen=True, kw_only=True):
    """Equal options of an unchanged user make equal cards."""

    theme: Theme = "dark"
    bg: str | None = None
    """6 hex digits, 8 with opacity, `transparent`, or None for the theme's; a gradient is an angle
    in degrees and its colors, with commas."""
    radius: int = DEFAULT_RADIUS_PX
    width: int = DEFAULT_WIDTH_PX
    accent: str | None = None  # six hex digits, or None for the user's own
    animated: bool = True
    animated_decoration: bool = True
    tag_bg: str | None = None  # six hex digits, or None for the theme's
    idle_message: str = ""  # empty: that of the language
    display_name: bool = True
    nameplate: bool = False
    animated_nameplate: bool = True
    hide_status: bool = False  # the custom status
    hide_timestamp: bool = False
    hide_badges: bool = False
    hide_profile: bool = False
    hide_activity: HideActivity = "false"
    hide_spotify: bool = False
    hide_tag: bool = False
    hide_decoration: bool = False
    ignored: frozenset[str] = frozenset()  # application ids
    lang: Language = DEFAULT_LANGUAGE
    name_style: bool = True
    banner: Banner = "false"
    layout: Layout = "full"
    gradient: tuple[str, ...] = ()  # of the name: colors of six hex digits


def parse(query: Iterable[tuple[str, str]]) -> tuple[CardOptions, list[str]]:
    """The options, and the names of the parameters whose value is invalid.

    Unknown names are ignored: people add them to bypass caches.
    """
    given = {name: value.strip() for name, value in query if name in _PARSERS}
    options: dict[str, object] = {}
    invalid: list[str] = []
    for name, value in given.items():
        field, parser = _PARSERS[name]
        parsed = parser(value)
        if parsed is None and name in _HIDDEN:
            parsed = _HIDDEN[name]
            invalid.append(name)
        elif parsed is None and value:
            invalid.append(name)
        if parsed is not None:
            options[field] = parsed
    ignored = given.get("ignoreAppId", "")
    ids = _listed(ignored)
    is_too_long = len(ids) > MAX_IGNORED_APPS or is_long_list(ignored, 2 * MAX_IGNORED_APPS)
    if is_too_long or len(options.get("ignored", ())) < len(ids):  # type: ignore[arg-type]
        invalid = list(dict.fromkeys([*invalid, "ignoreAppId"]))
        if is_too_long:
            options["hide_activity"] = "true"
    return CardOptions(**options), invalid  # type: ignore[arg-type]


def hiding_all(options: CardOptions) -> tuple[CardOptions, list[str]]:
    """For a query whose end is not read: it may hide anything. With the names of what it hides."""
    hidden: dict[str, object] = {_PARSERS[name][0]: value for name, value in _HIDDEN.items()}
    return msgspec.structs.replace(options, **hidden), list(_HIDDEN)


def drawn(options: CardOptions) -> CardOptions:
    """Without what only chooses the content: equal ones draw an equal content equally."""
    return CardOptions(
        theme=options.theme,
        bg=options.bg,
        radius=options.radius,
        width=DEFAULT_WIDTH_PX if options.layout == "wide" else options.width,
        accent=options.accent,
        animated=options.animated,
        tag_bg=None if options.hide_tag else options.tag_bg,
        lang=options.lang,
        layout=options.layout,
    )


def _flag(value: str) -> bool | None:
    return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None


def _color(value: str) -> str | None:
    found = _COLOR.fullmatch(value)
    if found is None:
        return None
    digits = found[1].lower()
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def _background(value: str) -> str | None:
    """Equal backgrounds have one spelling: without opacity if that is whole."""
    if value.lower() == "transparent":
        return "transparent"
    if "," in value:
        return _gradient(value)
    found = _BACKGROUND.fullmatch(value)
    if found is None:
        return None
    digits = found[1].lower()
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    color, opacity = digits[:6], digits[6:]
    return "transparent" if opacity == "00" else color if opacity in ("", "ff") else digits


def _gradient(value: str) -> str | None:
    """Two or more colors, perhaps after an angle: a number before at least two colors."""
    parts = [part.strip() for part in list_items(value, MAX_STOPS + 2)]
    angle = DEFAULT_ANGLE
    if len(parts) > 2 and _ANGLE.fullmatch(parts[0]):
        angle = int(parts[0]) % 360
        parts = parts[1:]
    colors = [_color(part) for part in parts]
    if not 2 <= len(colors) <= MAX_STOPS or None in colors:
        return None
    return ",".join((str(angle), *(color for color in colors if color)))


def _name_gradient(value: str) -> tuple[str, ...] | None:
    """Two or more colors, with hyphens or commas."""
    parts = [part.strip() for part in list_items(value.replace("-", ","), MAX_STOPS + 1)]
    colors = tuple(color for part in parts if (color := _color(part)))
    return colors if 2 <= len(colors) == len(parts) <= MAX_STOPS else None


def _theme(value: str) -> str | None:
    return value.lower() if value.lower() in ("dark", "light", "auto") else None


def _layout(value: str) -> str | None:
    return value.lower() if value.lower() in ("full", "compact", "minimal", "wide") else None


def _radius(value: str) -> int | None:
    """A length of CSS. 50 % is the roundest, whatever the size of the card."""
    found = _LENGTH.fullmatch(value.lower())
    if found is None or not found[1]:
        return None
    return min(int(float(found[1]) * _UNITS_PX[found[2] or ""]), MAX_RADIUS_PX)


def _width(value: str) -> int | None:
    found = _PIXELS.fullmatch(value)
    return min(max(int(found[1]), MIN_WIDTH_PX), MAX_WIDTH_PX) if found else None


def _hide_activity(value: str) -> str | None:
    if value.lower() == "whennotused":
        return "whenNotUsed"
    flag = _flag(value)
    return None if flag is None else str(flag).lower()


def _banner(value: str) -> str | None:
    if value.lower() == "animated":
        return "animated"
    flag = _flag(value)
    return None if flag is None else str(flag).lower()


def _message(value: str) -> str | None:
    return value[:MAX_IDLE_CHARS] or None


def _ids(value: str) -> frozenset[str] | None:
    """Those that are ids: one that is not does not publish the others."""
    return (
        frozenset(part for part in _listed(value)[:MAX_IGNORED_APPS] if _ID.fullmatch(part)) or None
    )


def _listed(value: str) -> list[str]:
    """At least one more than MAX_IGNORED_APPS, where there are so many."""
    return list(dict.fromkeys(part for part in list_items(value, 2 * MAX_IGNORED_APPS) if part))


_PARSERS: Final = {
    "theme": ("theme", _theme),
    "bg": ("bg", _background),
    "layout": ("layout", _layout),
    "borderRadius": ("radius", _radius),
    "width": ("width", _width),
    "accent": ("accent", _color),
    "animated": ("animated", _flag),
    "animatedDecoration": ("animated_decoration", _flag),
    "animatedNameplate": ("animated_nameplate", _flag),
    "clanBackgroundColor": ("tag_bg", _color),
    "idleMessage": ("idle_message", _message),
    "showDisplayName": ("display_name", _flag),
    "nameStyle": ("name_style", _flag),
    "gradient": ("gradient", _name_gradient),
    "showBanner": ("banner", _banner),
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
    "lang": ("lang", language_of),
}
"""By parameter name: the field of CardOptions, and its parser."""

_HIDDEN: Final = {
    name: "true" if name == "hideActivity" else True for name in _PARSERS if name.startswith("hide")
}
"""By parameter name: what an invalid value means."""

PARAMETERS: Final = tuple(_PARSERS)
