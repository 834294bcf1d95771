"""Which pictures are fetched at all, and how large they are asked for.

Addresses come from snapshots, and the gateway made them by an allow-list of its own. This is
the second lock: whatever stands in Redis, nothing else is asked than these places.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from services.api.card.subject import Want

OFFICIAL: Final = "https://cdn.discordapp.com"
DAY: Final = 86_400  # seconds

_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~/?&=%+@:,;!$*()-]{1,2000}", re.ASCII)
_SIZED: Final = ("avatars/", "guilds/", "app-assets/", "app-icons/", "clan-badges/", "emojis/")


class Address(Struct, frozen=True):
    """A picture that may be fetched."""

    url: str
    keep: int  # seconds: until it may be another one
    operators: bool  # below the operator's own DISCORD_CDN_URL, which may be on this machine


class _Place(Struct, frozen=True):
    prefix: str
    keep: int


_PLACES: Final = (
    _Place("https://media.discordapp.net/external/", 3600),
    _Place("https://media.discordapp.net/attachments/", 3600),
    _Place("https://i.scdn.co/image/", DAY),
    _Place("https://static-cdn.jtvnw.net/previews-ttv/", 120),
    _Place("https://i.ytimg.com/vi/", 3600),
)
"""Besides Discord's CDN: all that an image key of an activity may stand for (DISCORD.md, 4)."""


class Addresses:
    def __init__(self, cdn_url: str, fetch_url: str = "") -> None:
        """`cdn_url`: DISCORD_CDN_URL. On this machine it is a simulated Discord's, which has all
        the pictures that people there show: then nobody outside is asked for any.

        `fetch_url`: DISCORD_CDN_FETCH_URL, where the same pictures are seen from here.
        """
        self._cdn = f"{cdn_url}/"
        self._near = f"{fetch_url or cdn_url}/"
        self._cdns = dict.fromkeys((self._cdn, f"{OFFICIAL}/"))
        self._operators = self._near if self._near != f"{OFFICIAL}/" else None
        self._simulated = _is_here(cdn_url)

    def of(self, want: Want) -> Address | None:
        """Where the picture is asked for, no larger than needed; None: nowhere."""
        url = want.url
        if not _CHARACTERS.fullmatch(url) or ".." in url or "@" in url.split("/", 3)[2:3]:
            return None
        for cdn in self._cdns:
            if url.startswith(cdn):
                asked = self._near if self._simulated or cdn == self._cdn else cdn
                path = _resized(url.removeprefix(cdn), want)
                return Address(asked + path, DAY, asked == self._operators)
        for place in _PLACES:
            if url.startswith(place.prefix):
                if self._simulated:
                    return Address(self._near + url.split("/", 3)[3], place.keep, True)
                return Address(_proxied(url), place.keep, False)
        return None


def _is_here(url: str) -> bool:
    """Whether the address is one of this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _resized(path: str, want: Want) -> str:
    """A path of Discord's CDN with what makes the picture small: Reference, Image Formatting."""
    path, _, _ = path.partition("?")
    if path.startswith("avatar-decoration-presets/"):
        return f"{path}?size=256&passthrough={str(want.moves).lower()}"
    if path.startswith(_SIZED):
        if want.moves:  # an avatar or an emoji
            return f"{path.rpartition('.')[0]}.webp?size=128&animated=true"
        return f"{path}?size={256 if want.role in ('avatar', 'art') else 64}"
    return path


def _proxied(url: str) -> str:
    """Discord's media proxy scales what it passes on."""
    if not url.startswith("https://media.discordapp.net/"):
        return url
    return f"{url}{'&' if '?' in url else '?'}width=256&height=256"
