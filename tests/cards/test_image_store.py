"""Images in cards over HTTP: real image servers, good and bad ones, and a real Redis."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from services.cards.card_service import CardTimings
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.api.http_client import ask
from tests.cards.card_requests import USER, images_in, save, with_avatar
from tests.cards.cards_fixture import serving_cards
from tests.cards.image_server import ImageServer, animation, serving_images
from tests.cards.sample_users import AT_WORK, NOTHING, like


async def test_images_are_fetched_once_and_encoded_again(store: Store, server: ImageServer) -> None:
    """Then they come from Redis, also for another replica."""
    await save(store, NOTHING, with_avatar(server, "good/a.png"))
    async with serving_cards(store, discord_cdn_url=server.url) as port:
        answer = await ask(port, f"/card/{USER}.svg")
        await ask(port, f"/card/{USER}.png?theme=light")
    async with serving_cards(store, discord_cdn_url=server.url) as port:
        other = await ask(port, f"/card/{USER}.svg?theme=light")
    assert server.requested == ["/good/a.png"]
    assert len(images_in(answer)) == 1
    assert images_in(answer) == images_in(other)
    assert Image.open(io.BytesIO(images_in(answer)[0])).size == (16, 16)


@pytest.mark.parametrize(
    "kind", ["missing", "page", "svg", "gzip", "bomb", "broken", "announced", "redirect"]
)
async def test_an_invalid_image_is_left_out(store: Store, server: ImageServer, kind: str) -> None:
    """And is not requested again for a while."""
    await save(store, NOTHING, with_avatar(server, f"{kind}/a.png"))
    async with serving_images() as inside:
        server.other = inside.url
        async with serving_cards(store, discord_cdn_url=server.url) as port:
            answer = await ask(port, f"/card/{USER}.svg")
            await ask(port, f"/card/{USER}.svg?theme=light")
        assert inside.requested == []
    assert answer.header("x-grux-problem") is None
    assert images_in(answer) == []
    assert server.requested == [f"/{kind}/a.png"]


@pytest.mark.parametrize("kind", ["busy", "reset"])
async def test_a_server_that_fails_once_is_asked_again_soon(
    store: Store, server: ImageServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The card without its image is not kept for long, neither here nor by proxies."""
    monkeypatch.setattr("services.cards.image_store.RETRY_TTL_S", 3600)
    timings = CardTimings(incomplete_ttl_s=0.0, renders_per_window=100_000)
    await save(store, NOTHING, with_avatar(server, f"{kind}/a.png"))
    async with serving_cards(store, discord_cdn_url=server.url, timings=timings) as port:
        first = await ask(port, f"/card/{USER}.svg")
        attempts = len(server.requested)  # the HTTP client repeats a request once after a reset
        again = await ask(port, f"/card/{USER}.svg?theme=light")
        assert (images_in(first), images_in(again)) == ([], [])
        for answer in (first, again):
            assert "max-age=5," in (answer.header("cache-control") or "")
        assert len(server.requested) == attempts
        server.recovered = True
        [failure] = [key async for key in store.redis.scan_iter(match=keys.picture("*"))]
        await store.redis.expire(failure, 0)  # as time does

        async def whole() -> bool:
            return len(images_in(await ask(port, f"/card/{USER}.svg"))) == 1

        await eventually_async(whole)
    assert len(server.requested) == attempts + 1


async def test_a_private_address_in_redis_is_not_contacted(
    store: Store, server: ImageServer
) -> None:
    """The URLs there are untrusted: only allowed origins are contacted."""
    await save(store, NOTHING, with_avatar(server, "good/a.png"))
    async with serving_cards(store) as port:
        answer = await ask(port, f"/card/{USER}.svg")
    assert images_in(answer) == []
    assert server.requested == []


async def test_a_slow_image_does_not_delay_the_card(store: Store, server: ImageServer) -> None:
    """The card is served without it for a short while, and with it once it has arrived."""
    timings = CardTimings(incomplete_ttl_s=0.0)
    await save(store, NOTHING, with_avatar(server, "slow/a.png"))
    async with serving_cards(
        store, discord_cdn_url=server.url, timings=timings, image_wait_s=0.05
    ) as port:
        first = await ask(port, f"/card/{USER}.svg")
        assert images_in(first) == []
        assert "max-age=5," in (first.header("cache-control") or "")
        server.hold.set()

        async def whole() -> bool:
            return len(images_in(await ask(port, f"/card/{USER}.svg"))) == 1

        await eventually_async(whole)
    assert server.requested == ["/slow/a.png"]


async def test_animation(
    store: Store, server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An animated avatar moves in the SVG, unless the options say no, and never in the PNG."""
    monkeypatch.setattr("tests.cards.image_server.GOOD", animation("WEBP"))
    avatar = "avatars/1274150219482660897/a_ff.png"
    profile = like(with_avatar(server, f"{avatar}?size=1024"), avatar="a_ff")
    await save(store, AT_WORK, profile)
    async with serving_cards(store, discord_cdn_url=server.url) as port:
        moves = await ask(port, f"/card/{USER}.svg")
        still = await ask(port, f"/card/{USER}.svg?animated=false")
        image = await ask(port, f"/card/{USER}.png")
    frames = [
        getattr(Image.open(io.BytesIO(images_in(answer)[0])), "n_frames", 1)
        for answer in (moves, still)
    ]
    assert frames == [12, 1]
    assert Image.open(io.BytesIO(image.body)).format == "PNG"
    assert b"animation:" in moves.body
    assert b"animation:" not in still.body
    assert sorted(server.requested)[-1].endswith("a_ff.webp?size=128&animated=true")
