"""The pictures of simulated users: all of them come from the simulator."""

from __future__ import annotations

import random
import time

import pytest

from simulator import activities, catalogue
from tests.browser.browser_fixture import BrowserTab
from tests.browser.demo_user import CUSTOM, GAME, WIDGET, show, song
from tests.e2e.stack import ROBIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMAGES = """(id) => {
  const card = document.querySelector(id);
  const images = [...card.shadowRoot.querySelectorAll("img")];
  return images.every((image) => image.complete) &&
    images.map((image) => ({ src: image.src, width: image.naturalWidth, part: image.part.value }));
}"""


@pytest.mark.parametrize("page", ["start page", "another site"])
async def test_every_picture_loads_from_the_simulator(tab: BrowserTab, page: str) -> None:
    """What a user wears, and the art of songs, games, streams and proxied images."""
    now = int(time.time() * 1000)
    emoji = {"name": "blobwave", "id": "1101234567890123521", "animated": True}
    rng = random.Random(1)
    editor = activities.playing(rng, catalogue.EDITOR, now)
    stream = activities.streaming(rng, now)
    shown = [{**CUSTOM, "emoji": emoji}, song(), GAME, editor, stream]
    show(tab, "online", *shown)
    await tab.stack.shows(ROBIN, lambda data: len(data["activity"]) == 3)
    if page == "start page":
        await tab.goto(f"/?user={ROBIN}")
    else:
        await tab.embed(WIDGET)
    await tab.wait_for_text("Starfall Arena")
    images = await tab.until(IMAGES, "grux-presence")
    assert {image["part"] for image in images} >= {
        *("avatar-image", "decoration", "nameplate", "art-image", "small", "emoji"),
    }
    assert [image for image in images if not image["width"]] == []
    cdn = tab.stack.simulator.cdn_url
    assert [image for image in images if not image["src"].startswith(cdn)] == []
    places = {image["src"].removeprefix(f"{cdn}/").split("/")[0] for image in images}
    assert places >= {"image", "external", "previews-ttv", "app-assets", "avatars"}
