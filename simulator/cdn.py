"""The CDN: Discord's picture paths, each answered with a generated PNG.

Source: reference, "Image Formatting", "CDN Endpoints". Whatever format a path names, the
bytes are PNG and are declared as such; browsers show them. Animations stand still, except for the
nameplates of simulated people, which are in ``videos``. No picture is enlarged: ``?size=4096`` of a
small one is the small one.
"""

import asyncio
import re
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from simulator.drawings import Shape, default_avatar, drawing
from simulator.stats import Stats

_ID: Final = r"[1-9][0-9]{14,19}"
_HASH: Final = r"(?:a_)?[0-9a-f]{32}"
_STILL: Final = r"(?:png|jpe?g|webp)"
_ANY: Final = r"(?:png|jpe?g|webp|gif|avif)"


class Place(NamedTuple):
    """A family of paths, and what pictures there look like. Height is relative to width."""

    path: re.Pattern[str]
    shape: Shape
    width: int = 256
    height_share: float = 1.0
    resizable: bool = True


_PLACES: Final = (
    Place(re.compile(rf"avatars/{_ID}/{_HASH}\.{_ANY}"), "portrait"),
    Place(re.compile(rf"guilds/{_ID}/users/{_ID}/avatars/{_HASH}\.{_ANY}"), "portrait"),
    Place(re.compile(rf"guilds/{_ID}/users/{_ID}/banners/{_HASH}\.{_ANY}"), "banner", 600, 0.4),
    Place(re.compile(rf"banners/{_ID}/{_HASH}\.{_ANY}"), "banner", 600, 0.4),
    Place(re.compile(rf"avatar-decoration-presets/{_HASH}\.png"), "decoration"),
    Place(
        re.compile(r"assets/collectibles/[a-z0-9_]+(?:/[a-z0-9_]+)*/(?:static|img)\.png"),
        "nameplate",
        448,
        0.1875,
        False,
    ),
    Place(re.compile(rf"(?:guild-tag|clan)-badges/{_ID}/{_HASH}\.{_STILL}"), "badge", 64),
    Place(re.compile(r"badge-icons/[0-9a-f]{32,64}\.png"), "badge", 64),
    Place(re.compile(rf"app-icons/{_ID}/{_HASH}\.{_STILL}"), "tile"),
    Place(re.compile(rf"app-assets/{_ID}/[0-9a-z_]+\.{_STILL}"), "tile"),
    Place(re.compile(rf"emojis/{_ID}\.{_ANY}"), "emoji", 64),
    Place(re.compile(rf"icons/{_ID}/{_HASH}\.{_ANY}"), "tile"),
    # Not on this host in the real Discord: what ``spotify:``, ``mp:`` and stream keys point to.
    Place(re.compile(r"image/[0-9A-Za-z]+"), "cover"),
    Place(re.compile(r"(?:external|attachments)/[^?#]+"), "tile"),
    Place(re.compile(r"(?:vi|previews-ttv)/[^?#]+"), "landscape", 320, 0.5625),
)
_DEFAULT_AVATAR: Final = re.compile(r"embed/avatars/([0-5])\.png")
_ANIMATED_DECORATION: Final = re.compile(rf"avatar-decoration-presets/{_HASH}\.gif")
_EXTENSION: Final = re.compile(rf"\.{_ANY}$")
_SIZES: Final = frozenset(str(1 << power) for power in range(4, 13))
# A path's bytes never change; Discord says so too.
_CACHE: Final = "public, max-age=31536000"


_VIDEO: Final = re.compile(r"assets/collectibles/nameplates/[a-z]+/([a-z]+)/asset\.webm")
_VIDEOS: Final = {
    path.stem: path.read_bytes()
    for path in sorted(Path(__file__).with_name("videos").glob("*.webm"))
}
"""By the last part of a nameplate's asset."""


class Cdn:
    """``GET /cdn/…``."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def routes(self) -> list[web.RouteDef]:
        """One route: the paths are told apart by their shape."""
        return [web.get("/cdn/{path:.*}", self.picture)]

    async def picture(self, request: web.Request) -> web.Response:
        self._stats.cdn += 1
        path = request.match_info["path"]
        size = request.query.get("size")
        if size is not None and size not in _SIZES:
            return web.Response(status=400, text="Invalid resize")
        if _ANIMATED_DECORATION.fullmatch(path):
            return web.Response(status=415, text="Unsupported Media Type")
        if (video := _VIDEO.fullmatch(path)) is not None and video[1] in _VIDEOS:
            return web.Response(
                body=_VIDEOS[video[1]], content_type="video/webm", headers={"Cache-Control": _CACHE}
            )
        # In a thread: a picture takes up to a tenth of a second, and the gateway goes on meanwhile.
        data = await asyncio.to_thread(picture_at, path, None if size is None else int(size))
        if data is None:
            return web.Response(status=404, text="404: Not Found")
        headers = {
            "Cache-Control": _CACHE,
            "Access-Control-Allow-Origin": "*",
            "ETag": f'"{zlib.crc32(data):08x}"',
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=data, content_type="image/png", headers=headers)


def picture_at(path: str, size: int | None) -> bytes | None:
    """The picture at a path (without ``/cdn/``), None where Discord has none."""
    default = _DEFAULT_AVATAR.fullmatch(path)
    if default is not None:
        return default_avatar(int(default.group(1)), 256)
    place = place_of(path)
    if place is None:
        return None
    width = place.width if size is None or not place.resizable else min(size, place.width)
    # Formats of one picture look alike.
    seed = _EXTENSION.sub("", path)
    return drawing(place.shape, seed, width, max(1, int(width * place.height_share)))


def place_of(path: str) -> Place | None:
    """The family that a path belongs to."""
    if ".." in path:
        return None
    return next((place for place in _PLACES if place.path.fullmatch(path)), None)
