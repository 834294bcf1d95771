"""A card of a simulated user, with images of the simulated CDN."""

from __future__ import annotations

import io
import re

import aiohttp
from PIL import Image

from testing.eventually import eventually_async
from tests.e2e.stack import ROBIN, running


async def test_a_card_with_images() -> None:
    """Avatar, decoration and tag come from the simulated CDN, and the response is a PNG."""
    async with (
        running(services=("api", "cards", "gateway")) as stack,
        aiohttp.ClientSession() as http,
    ):
        base = f"http://127.0.0.1:{stack.api_port}"

        async def card(query: str = "") -> str:
            async with http.get(f"{base}/card/{ROBIN}.svg{query}") as answer:
                assert answer.status == 200
                return await answer.text()

        async def has_images() -> bool:
            return (await card()).count("data:image/") >= 3

        await eventually_async(has_images)
        svg = await card()
        assert re.search(r"<title>Robin is ", svg)
        assert stack.simulator.cdn_url not in svg
        assert (await card("?hideProfile=true")).count("data:image/") < svg.count("data:image/")
        async with http.get(f"{base}/card/{ROBIN}.png") as answer:
            picture = Image.open(io.BytesIO(await answer.read()))
        assert (picture.format, picture.width) == ("PNG", 900)
        async with http.get(f"{base}/avatar/{ROBIN}.webp?size=64") as answer:
            assert answer.status == 200
            assert str(answer.url).startswith(stack.simulator.cdn_url)
