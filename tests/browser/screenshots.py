"""The pictures in README.md: `python -m tests.browser.screenshots` takes them again.

With the fonts of this machine: Inter looks best. `pngquant --force --ext .png docs/images/*.png`
then makes them a third as large.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from simulator import activities, catalogue
from simulator.model import User
from tests.browser.browser_fixture import BrowserTab
from tests.browser.conftest import CHROMIUM, FLAGS, INVITE
from tests.browser.demo_user import CUSTOM, GAME, song
from tests.browser.site import Site
from tests.e2e.stack import FIRST, ROBIN, Stack, quiet, running

IMAGES = Path(__file__).parents[2] / "docs" / "images"

STYLE = """
body { margin: 0; font-family: Inter, system-ui, sans-serif }
main { display: flex; width: max-content }
div { display: grid; gap: 20px; padding: 32px 24px; align-content: start }
div:nth-child(2) { background: #f3f1ec }
div:nth-child(1) { background: #101114 }
div:nth-child(3) { background: linear-gradient(160deg, #f2a65a, #d1495b 55%, #30638e) }
"""


def user(number: int, username: str, name: str, **more: Any) -> User:
    user_id = str(1_100_000_000_000_000_000 + number * 10**12)
    return User(id=user_id, username=username, global_name=name, avatar=f"{number:032x}", **more)


PEOPLE = {
    "mizuki": user(7, "mizuki", "水野 美月"),
    "layla": user(2, "layla.h", "ليلى حداد", public_flags=1 << 6),
    "rosa": user(4, "rosa", "🌸 rosa"),
    "otto": user(5, "otto", "Otto Quartz", public_flags=1 << 22),
}


def set_presences(stack: Stack) -> None:
    """Give every user an activity."""
    world, rng = stack.simulator.world, random.Random(4)
    now = int(time.time() * 1000)
    for user in PEOPLE.values():
        world.add_member(FIRST, user)
    tea = {**CUSTOM, "state": "brb, tea", "emoji": {"name": "🍵"}}
    game = {**GAME, "timestamps": {"start": now - 764_000}}
    wave = {"name": "blobwave", "id": "1101234567890123521", "animated": True}
    doing = {
        ROBIN: ("online", [tea, song(67), game]),
        PEOPLE["mizuki"].id: ("idle", [activities.spotify("1", catalogue.SONGS[6], now - 90_000)]),
        PEOPLE["layla"].id: ("dnd", [activities.playing(rng, catalogue.EDITOR, now)]),
        PEOPLE["rosa"].id: ("online", [{**CUSTOM, "state": "散歩中", "emoji": wave}]),
        PEOPLE["otto"].id: ("online", [activities.streaming(rng, now)]),
    }
    for user_id, (status, shown) in doing.items():
        world.set_presence(user_id, status, shown, {"desktop": status})


def card(user_id: str, more: str = "") -> str:
    return f'<grux-presence user="{user_id}" {more}></grux-presence>'


async def take(stack: Stack, site: Site) -> None:
    user_ids = [ROBIN, *(user.id for user in PEOPLE.values())]
    for user_id in user_ids:
        await stack.shows(user_id, lambda data: data["status"] != "invisible")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        async with BrowserTab.open(stack, site, browser) as tab:
            await tab.goto()
            await tab.wait_for_text("Paper Lanterns")
            await tab.until("() => document.querySelector('#health').dataset.state === 'live'")
            await settled(tab)
            await tab.page.screenshot(path=IMAGES / "page.png")
        columns = (
            card(ROBIN, "theme=dark") + card(PEOPLE["otto"].id, "theme=dark size=compact"),
            card(PEOPLE["mizuki"].id, "theme=light")
            + card(PEOPLE["layla"].id, "theme=light")
            + card(ROBIN, "theme=light size=compact"),
            card(PEOPLE["otto"].id, "theme=midnight")
            + card(PEOPLE["rosa"].id, "theme=glass")
            + card(PEOPLE["mizuki"].id, "theme=paper size=compact"),
        )
        async with BrowserTab.open(stack, site, browser) as tab:
            body = "".join(f"<div>{column}</div>" for column in columns)
            await tab.embed(body, style=STYLE)
            await tab.wait_for_text("Paper Lanterns")
            await settled(tab)
            await tab.page.locator("main").screenshot(path=IMAGES / "widget.png")
        await browser.close()


async def settled(tab: BrowserTab) -> None:
    """Wait until every picture is loaded."""
    await tab.until(
        """() => [...document.querySelectorAll("grux-presence")].every((one) =>
          one.hidden || (one.data && [...one.shadowRoot.querySelectorAll("img")].every(
            (image) => image.complete)))"""
    )


async def main() -> None:
    people = ",".join([ROBIN, *(user.id for user in PEOPLE.values())])
    settings = {"PROFILE_SOURCE": "upstream", "DISCORD_INVITE": INVITE, "EXAMPLE_USERS": people}
    IMAGES.mkdir(exist_ok=True)
    async with running(quiet(members=200), env=settings) as stack, Site() as site:
        set_presences(stack)
        await take(stack, site)


if __name__ == "__main__":
    asyncio.run(main())
