"""Pictures in cards over HTTP: real servers of pictures, good and bad ones, and a real Redis."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from services.api.card import cards, pictures
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.api.card.asking import USER, images, save, seen_at
from tests.api.card.hostile import PictureServer, moving, serving_pictures
from tests.api.card.people import AT_WORK, NOTHING, like
from tests.api.http_client import ask
from tests.api.replica import serving


@pytest.fixture
async def server() -> AsyncIterator[PictureServer]:
    async with serving_pictures() as server:
        yield server


async def test_pictures_are_fetched_once_and_made_anew(store: Store, server: PictureServer) -> None:
    """Then they come from Redis, also for another replica."""
    await save(store, NOTHING, seen_at(server, "good/a.png"))
    async with serving(store, discord_cdn_url=server.url) as port:
        answer = await ask(port, f"/card/{USER}.svg")
        await ask(port, f"/card/{USER}.png?theme=light")
    async with serving(store, discord_cdn_url=server.url) as port:
        other = await ask(port, f"/card/{USER}.svg?theme=light")
    assert server.asked == ["/good/a.png"]
    assert len(images(answer)) == 1
    assert images(answer) == images(other)
    assert Image.open(io.BytesIO(images(answer)[0])).size == (16, 16)


@pytest.mark.parametrize(
    "kind", ["missing", "page", "svg", "gzip", "bomb", "broken", "announced", "redirect"]
)
async def test_a_picture_that_is_none_is_left_out(
    store: Store, server: PictureServer, kind: str
) -> None:
    """And is not asked for again at once."""
    await save(store, NOTHING, seen_at(server, f"{kind}/a.png"))
    async with serving_pictures() as inside:
        server.other = inside.url
        async with serving(store, discord_cdn_url=server.url) as port:
            answer = await ask(port, f"/card/{USER}.svg")
            await ask(port, f"/card/{USER}.svg?theme=light")
        assert inside.asked == []
    assert answer.header("x-grux-problem") is None
    assert images(answer) == []
    assert server.asked == [f"/{kind}/a.png"]


async def test_a_private_address_in_redis_is_not_asked(store: Store, server: PictureServer) -> None:
    """What stands there is a stranger's word: only the places on the list are."""
    await save(store, NOTHING, seen_at(server, "good/a.png"))
    async with serving(store) as port:
        answer = await ask(port, f"/card/{USER}.svg")
    assert images(answer) == []
    assert server.asked == []


async def test_a_slow_picture_holds_up_nobody(
    store: Store, server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card goes out without it, for a short while, and has it when it came."""
    monkeypatch.setattr(pictures, "PATIENCE", 0.05)
    monkeypatch.setattr(cards, "WHILE_INCOMPLETE", 0.0)
    await save(store, NOTHING, seen_at(server, "slow/a.png"))
    async with serving(store, discord_cdn_url=server.url) as port:
        first = await ask(port, f"/card/{USER}.svg")
        assert images(first) == []
        assert "max-age=5," in (first.header("cache-control") or "")
        server.hold.set()

        async def whole() -> bool:
            return len(images(await ask(port, f"/card/{USER}.svg"))) == 1

        await eventually_async(whole)
    assert server.asked == ["/slow/a.png"]


async def test_motion(store: Store, server: PictureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An animated avatar moves in the SVG, unless it shall not, and stands still in the PNG."""
    monkeypatch.setattr("tests.api.card.hostile.GOOD", moving("WEBP"))
    avatar = "avatars/1274150219482660897/a_ff.png"
    profile = like(seen_at(server, f"{avatar}?size=1024"), avatar="a_ff")
    await save(store, AT_WORK, profile)
    async with serving(store, discord_cdn_url=server.url) as port:
        moves = await ask(port, f"/card/{USER}.svg")
        still = await ask(port, f"/card/{USER}.svg?animated=false")
        picture = await ask(port, f"/card/{USER}.png")
    frames = [
        getattr(Image.open(io.BytesIO(images(answer)[0])), "n_frames", 1)
        for answer in (moves, still)
    ]
    assert frames == [12, 1]
    assert Image.open(io.BytesIO(picture.body)).format == "PNG"
    assert b"animation:" in moves.body
    assert b"animation:" not in still.body
    assert sorted(server.asked)[-1].endswith("a_ff.webp?size=128&animated=true")
