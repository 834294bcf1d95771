"""Which image URLs a card may fetch, and in which size.

The URLs come from snapshots in Redis. The gateway built them from its own allowlist; this one is
the second line of defence. Whatever Redis holds, no other host is contacted.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from services.cards.card_model import ImageRequest
from shared.net.loopback import leads_to_loopback

OFFICIAL_CDN_URL: Final = "https://cdn.discordapp.com"
DAY_S: Final = 86_400

_URL: Final = re.compile(r"[A-Za-z0-9._~/?&=%+@:,;!$*()-]{1,2000}", re.ASCII)
_SIZES_PX: Final = {"avatar": 256, "art": 256, "banner": 1024}  # by role
_RESIZABLE: Final = (
    "avatars/",
    "banners/",
    "guilds/",
    "app-assets/",
    "app-icons/",
    "clan-badges/",
    "emojis/",
)


class AllowedImage(Struct, frozen=True):
    """An image that may be fetched."""

    url: str
    ttl_s: int  # how long the image behind this URL stays the same
    from_operator: bool  # below the operator's own DISCORD_CDN_URL, which may be a private address
    video: bool = False


class _Origin(Struct, frozen=True):
    prefix: str
    ttl_s: int


_ORIGINS: Final = (
    _Origin("https://media.discordapp.net/external/", 3600),
    _Origin("https://media.discordapp.net/attachments/", 3600),
    _Origin("https://i.scdn.co/image/", DAY_S),
    _Origin("https://static-cdn.jtvnw.net/previews-ttv/", 120),
    _Origin("https://i.ytimg.com/vi/", 3600),
)
"""All that an activity's image key may refer to besides Discord's CDN (DISCORD.md, section 4)."""


class ImageAllowlist:
    """Maps the URLs of a snapshot to the URLs that are fetched."""

    def __init__(self, cdn_url: str, fetch_url: str = "") -> None:
        """`cdn_url`: DISCORD_CDN_URL. A loopback address there is a simulated Discord, which
        serves the images of every origin; no other host is contacted then.

        `fetch_url`: DISCORD_CDN_FETCH_URL, the same CDN as this process reaches it.
        """
        self._cdn = f"{cdn_url}/"
        self._fetch = f"{fetch_url or cdn_url}/"
        self._cdns = dict.fromkeys((self._cdn, f"{OFFICIAL_CDN_URL}/"))
        self._operator_cdn = self._fetch if self._fetch != f"{OFFICIAL_CDN_URL}/" else None
        self._simulated = leads_to_loopback(cdn_url)

    def resolve(self, request: ImageRequest) -> AllowedImage | None:
        """Where to fetch the image, no larger than needed; None if it is not allowed."""
        url = request.url
        if not _URL.fullmatch(url) or ".." in url or "@" in url.split("/", 3)[2:3]:
            return None
        for cdn in self._cdns:
            if url.startswith(cdn):
                origin = self._fetch if self._simulated or cdn == self._cdn else cdn
                path = _resized(url.removeprefix(cdn), request)
                own = origin == self._operator_cdn
                return AllowedImage(origin + path, DAY_S, own, path.endswith(".webm"))
        for allowed in _ORIGINS:
            if url.startswith(allowed.prefix):
                if self._simulated:
                    return AllowedImage(self._fetch + url.split("/", 3)[3], allowed.ttl_s, True)
                return AllowedImage(_through_media_proxy(url), allowed.ttl_s, False)
        return None


def _resized(path: str, request: ImageRequest) -> str:
    """A path of Discord's CDN that asks for a small image: Reference, Image Formatting."""
    path, _, _ = path.partition("?")
    if path.startswith("avatar-decoration-presets/"):
        return f"{path}?size=256&passthrough={str(request.animated).lower()}"
    if path.startswith("assets/collectibles/") and request.animated:
        return f"{path.removesuffix('static.png')}asset.webm"
    if path.startswith(_RESIZABLE):
        if request.animated:  # an avatar, a banner or an emoji
            size = 512 if request.role == "banner" else 128
            return f"{path.rpartition('.')[0]}.webp?size={size}&animated=true"
        return f"{path}?size={_SIZES_PX.get(request.role, 64)}"
    return path


def _through_media_proxy(url: str) -> str:
    """Discord's media proxy scales the images that it serves."""
    if not url.startswith("https://media.discordapp.net/"):
        return url
    return f"{url}{'&' if '?' in url else '?'}width=256&height=256"
