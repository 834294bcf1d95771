"""Content negotiation: HTML or JSON, gzip or not. RFC 9110, 12.5."""

from __future__ import annotations

import re

from shared.net.bounded_input import list_items

_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)

Preference = tuple[float, int]  # quality, and how specific the matching range is


def prefers_html(accept: str) -> bool:
    """Browsers name text/html. A client that accepts anything is a program and gets JSON."""
    return _preference(accept, "text/html") > _preference(accept, "application/json")


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named, or covered by `*`, and not refused by `q=0`."""
    qualities: dict[str, float] = {}
    for part in list_items(accept_encoding.lower()):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        qualities[name] = _quality(parameters)
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _preference(accept: str, media_type: str) -> Preference:
    """Of the most specific range that covers `media_type`, as the RFC says."""
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    best: Preference = (0.0, -1)
    for part in list_items(accept.lower()):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ranges and ranges.index(name) > best[1]:
            best = (_quality(parameters), ranges.index(name))
    return best


def _quality(parameters: list[str]) -> float:
    """1 unless a `q` says otherwise; an unreadable one counts as 0."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0
