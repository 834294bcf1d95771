"""Pictures at Discord's paths."""

import math
import struct
import zlib

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from simulator import application_routes, catalogue
from simulator.cdn import picture_at, place_of
from simulator.options import Options
from simulator.png import SIGNATURE
from simulator.server import Simulator

HASH = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
USER = "161092844126208001"
GUILD = "816976062578688017"

PATHS = [
    f"avatars/{USER}/{HASH}.png",
    f"avatars/{USER}/a_{HASH}.gif",
    f"avatars/{USER}/{HASH}.webp",
    "embed/avatars/0.png",
    "embed/avatars/5.png",
    f"guilds/{GUILD}/users/{USER}/avatars/{HASH}.png",
    f"guilds/{GUILD}/users/{USER}/banners/{HASH}.png",
    f"banners/{USER}/{HASH}.png",
    f"avatar-decoration-presets/a_{HASH}.png",
    "assets/collectibles/nameplates/zodiac/virgo/static.png",
    "assets/collectibles/nameplates/zodiac/virgo/img.png",
    f"guild-tag-badges/{GUILD}/{HASH}.png",
    f"clan-badges/{GUILD}/{HASH}.png",
    f"badge-icons/{HASH}.png",
    f"app-icons/764429562019840003/{HASH}.png",
    "app-assets/764429562019840003/1232994765373440001.png",
    "emojis/1101234567890123521.webp",
    "emojis/1101234567890123521.gif",
    f"icons/{GUILD}/{HASH}.png",
    "image/ab67616d0000b273ef7ab1cd7de9b3c5d8a2a0b1",
    "external/rqJdUc_gEj/https/cdn.example.net/icons/python.png",
    "previews-ttv/live_user_sim_rally-1280x720.jpg",
    "vi/dQw4w9WgXcQ/hqdefault.jpg",
]

ODD = [
    "",
    "avatars/1/x.png",
    f"avatars/{USER}/{HASH}",
    f"avatars/{USER}/{HASH}.exe",
    f"avatars/{USER}/../{HASH}.png",
    "avatars/%2e%2e/secret.png",
    "embed/avatars/6.png",
    "assets/collectibles/nameplates/zodiac/virgo/asset.webm",
    "assets/collectibles/../static.png",
    f"unknown/{USER}/{HASH}.png",
]


def pixels(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and unfiltered rows of a PNG, every checksum verified."""
    assert data.startswith(SIGNATURE)
    chunks: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        assert checksum == zlib.crc32(kind + body), kind
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8
    rows = zlib.decompress(chunks[b"IDAT"])
    length = width * {2: 3, 6: 4}[colour] + 1
    assert len(rows) == length * height
    assert set(rows[::length]) == {0}
    return width, height, rows


@pytest.mark.parametrize("path", PATHS)
async def test_discords_paths_have_pictures(sim: Simulator, path: str) -> None:
    """Each is a PNG that decodes, of the right type, to be cached for ever."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{sim.cdn_url}/{path}") as response:
            assert response.status == 200
            assert response.content_type == "image/png"
            assert "max-age=31536000" in response.headers["Cache-Control"]
            etag = response.headers["ETag"]
            pixels(await response.read())
        async with http.get(f"{sim.cdn_url}/{path}", headers={"If-None-Match": etag}) as response:
            assert response.status == 304


@pytest.mark.parametrize("path", ODD)
async def test_odd_paths_have_none(sim: Simulator, path: str) -> None:
    """404 for what Discord would not have either."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.cdn_url}/{path}") as response,
    ):
        assert response.status == 404


@pytest.mark.parametrize(("size", "status"), [("16", 200), ("4096", 200), ("100", 400), ("x", 400)])
async def test_sizes_are_powers_of_two(sim: Simulator, size: str, status: int) -> None:
    """``?size`` is honoured from 16 to 4096 and refused otherwise; nothing is enlarged."""
    path = f"avatars/{USER}/{HASH}.png?size={size}"
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.cdn_url}/{path}") as response,
    ):
        assert response.status == status
        if status == 200:
            width, height, _ = pixels(await response.read())
            assert (width, height) == (min(int(size), 256),) * 2


@pytest.mark.parametrize("asset", catalogue.NAMEPLATES)
async def test_nameplates_of_simulated_people_move(sim: Simulator, asset: str) -> None:
    """As WebM, beside the still PNG."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.cdn_url}/assets/collectibles/{asset}asset.webm") as response,
    ):
        assert response.status == 200
        assert response.content_type == "video/webm"
        assert (await response.read()).startswith(b"\x1a\x45\xdf\xa3")


async def test_a_moving_decoration_is_415(sim: Simulator) -> None:
    """Decorations are APNG; their .gif is an unsupported type."""
    path = f"avatar-decoration-presets/a_{HASH}.gif"
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{sim.cdn_url}/{path}") as response,
    ):
        assert response.status == 415


def test_colours_follow_the_path() -> None:
    """Two people look different, one person always the same, in every format."""
    one = picture_at(f"avatars/{USER}/{HASH}.png", None)
    other = picture_at(f"avatars/{GUILD}/{HASH}.png", None)
    assert one == picture_at(f"avatars/{USER}/{HASH}.webp", None)
    assert one != other


@pytest.mark.parametrize("number", range(12))
def test_a_decoration_is_a_ring(number: int) -> None:
    """It covers neither the avatar nor the place of the status, and there is one on every side."""
    data = picture_at(f"avatar-decoration-presets/{number:032x}.png", None)
    assert data is not None
    width, height, rows = pixels(data)

    def opacity(x: float, y: float) -> int:
        return rows[int(y * height) * (width * 4 + 1) + 1 + int(x * width) * 4 + 3]

    for step in range(36):
        right, down = math.cos(math.tau * step / 36), math.sin(math.tau * step / 36)
        assert [opacity(0.5 + right * r, 0.5 + down * r) for r in (0, 0.2, 0.36)] == [0, 0, 0]
        ring = [opacity(0.5 + right * r / 100, 0.5 + down * r / 100) for r in range(38, 49)]
        assert max(ring) == 255


def test_pictures_are_small_and_quick() -> None:
    """At most 60 KB: a page of the demo loads a dozen of them."""
    found = [picture_at(path, None) for path in PATHS]
    assert max(len(data or b"") for data in found) < 60_000


def test_everything_that_people_wear_has_a_picture(sim: Simulator) -> None:
    """Avatars, banners, decorations, plates, tags and icons of the world are on the CDN."""
    paths: list[str] = []
    for person in sim.world.people.values():
        user = person.user
        paths += [f"avatars/{user.id}/{user.avatar}.png"] if user.avatar else []
        paths += [f"banners/{user.id}/{user.banner}.png"] if user.banner else []
        if user.avatar_decoration_data:
            paths.append(f"avatar-decoration-presets/{user.avatar_decoration_data['asset']}.png")
        if user.collectibles:
            asset = user.collectibles["nameplate"]["asset"]
            paths.append(f"assets/collectibles/{asset}static.png")
        if user.primary_guild:
            tag = user.primary_guild
            paths.append(f"guild-tag-badges/{tag['identity_guild_id']}/{tag['badge']}.png")
    paths += [f"image/{song.cover}" for song in catalogue.SONGS]
    paths += [f"previews-ttv/live_user_{name}-1280x720.jpg" for name, _, _ in catalogue.STREAMS]
    for game in catalogue.GAMES:
        icon = application_routes.icon_hash(game)
        paths += [f"app-icons/{game.application_id}/{icon}.png"] if icon else []
        if game.large and game.large.startswith("mp:"):
            paths.append(game.large.removeprefix("mp:"))
        elif game.large:
            paths.append(f"app-assets/{game.application_id}/{game.large}.png")
    assert len(paths) > 20
    assert [path for path in paths if place_of(path) is None] == []


@pytest.mark.parametrize(
    ("only", "remote", "path", "allowed"),
    [
        (True, "192.0.2.7", "/cdn/embed/avatars/0.png", True),
        (True, "192.0.2.7", "/control/stats", False),
        (True, "192.0.2.7", "/api/v10/gateway", False),
        (True, "192.0.2.7", "/gateway", False),
        (True, "127.0.0.1", "/control/stats", True),
        (True, "::1", "/control/stats", True),
        (False, "192.0.2.7", "/control/stats", True),
    ],
)
async def test_images_alone_for_other_machines(
    only: bool, remote: str, path: str, allowed: bool
) -> None:
    """With ``remote_images_only`` the control API and the rest are for this machine."""

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="handled")

    sim = Simulator(Options(remote_images_only=only))
    request = make_mocked_request("GET", path).clone(remote=remote)
    if allowed:
        assert (await sim.only_images_for_others(request, handler)).status == 200
    else:
        with pytest.raises(web.HTTPForbidden):
            await sim.only_images_for_others(request, handler)


def test_the_url_works_on_this_machine() -> None:
    """A wildcard address is one to listen on, not to connect to."""
    assert Simulator(Options(host="0.0.0.0", port=8100)).url == "http://127.0.0.1:8100"
    assert Simulator(Options(host="::", port=8100)).gateway_url == "ws://[::1]:8100/gateway"
